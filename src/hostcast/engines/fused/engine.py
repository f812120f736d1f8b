"""The fused engine's face."""

from __future__ import annotations

from typing import Any

from hostcast.engines.base import Architecture, Network, WindowSource
from hostcast.engines.fused.loader import FusedSource, WindowIndex
from hostcast.features import FeatureTable
from hostcast.windows import Batch, InputSpec

__all__ = ["FusedEngine"]


class FusedEngine:
    """The reference engine's model, computed without its waste, on windows that are cut by index.

    What `unpack` makes for the network, in `Batch.inputs`:
        history: (batch, encoder_length, known + 1 + targets + observed), float32; the columns are known
            inputs, relative time, targets in window scale, observed inputs. A history shorter than
            encoder_length stands at the left, with zeros right of it.
        ahead: (batch, horizon, known + 1), float32; known inputs and relative time.
        categories: (batch, categories), int64; 0 = unknown.
        lengths: (batch,), int64; steps of history.
        full: whether every history has encoder_length steps.
    """

    name = "fused"
    graphable = True

    def source(self, features: FeatureTable, spec: InputSpec) -> WindowSource:
        """See `Engine.source`."""
        return FusedSource(features, spec)

    def unpack(self, raw: Any, spec: InputSpec) -> Batch:
        """See `Engine.unpack`."""
        return raw.unpack() if isinstance(raw, WindowIndex) else raw

    def network(self, spec: InputSpec, architecture: Architecture) -> Network:
        """See `Engine.network`."""
        from hostcast.engines.fused.network import FusedNetwork

        return FusedNetwork(spec, architecture)
