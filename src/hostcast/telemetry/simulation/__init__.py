"""The embedded fleet simulator, and the noise floor that its truth gives."""

from hostcast.telemetry.simulation.fleet import Simulation, simulate_fleet
from hostcast.telemetry.simulation.oracle import oracle_quantiles

__all__ = ["Simulation", "oracle_quantiles", "simulate_fleet"]
