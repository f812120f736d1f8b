"""Engines by name."""

from __future__ import annotations

from hostcast.engines.base import Engine
from hostcast.engines.fused import FusedEngine
from hostcast.engines.reference import ReferenceEngine

__all__ = ["get_engine"]

_ENGINES: dict[str, Engine] = {"fused": FusedEngine(), "reference": ReferenceEngine()}


def get_engine(name: str) -> Engine:
    """The engine that `train.engine` names.

    Raises:
        KeyError: there is no such engine.
    """
    return _ENGINES[name]
