"""The reference engine: pytorch-forecasting's own model, data set and loader."""

from hostcast.engines.reference.engine import ReferenceEngine

__all__ = ["ReferenceEngine"]
