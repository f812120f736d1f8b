"""hostcast: forecasts of server telemetry with Temporal Fusion Transformers."""

__all__ = ["__version__"]

__version__ = "0.1.0"
