"""The fused engine: hostcast's own, the same model computed fast."""

from hostcast.engines.fused.engine import FusedEngine

__all__ = ["FusedEngine"]
