"""Forecasting with a trained model, and what the model looked at."""

from hostcast.forecasting.forecast import Forecast, forecast, forecast_values, quantile_column

__all__ = ["Forecast", "forecast", "forecast_values", "quantile_column"]
