"""One cluster for all tests here: it takes seconds to start."""

from ray_nodes import nodes, running

__all__ = ["nodes", "running"]
