"""Telemetry from Prometheus: pulled once, kept as Parquet, read like files."""

from hostcast.telemetry.prometheus.source import Pulled, pull

__all__ = ["Pulled", "pull"]
