"""Forecasting with a trained model, how far it can be relied on, and what the model looked at."""

from hostcast.forecasting.calibrating import calibrate
from hostcast.forecasting.forecast import Forecast, forecast, quantile_column
from hostcast.forecasting.values import forecast_values

__all__ = ["Forecast", "calibrate", "forecast", "forecast_values", "quantile_column"]
