"""Telemetry: reading it, checking it and laying it on a regular grid, or simulating it."""

from hostcast.telemetry.preparation import Prepared, prepare

__all__ = ["Prepared", "prepare"]
