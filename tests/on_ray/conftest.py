"""One cluster for all tests here: it takes seconds to start."""

from ray_nodes import _surroundings, nodes, running

__all__ = ["_surroundings", "nodes", "running"]
