"""Telemetry: reading it, checking it and laying it on a regular grid, or simulating it."""

from hostcast.telemetry.preparation import Prepared, Report, prepare, prepare_into

__all__ = ["Prepared", "Report", "prepare", "prepare_into"]
