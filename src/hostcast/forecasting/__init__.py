"""Forecasting with a trained model, and what the model looked at."""

from hostcast.forecasting.forecast import Forecast, forecast, quantile_column

__all__ = ["Forecast", "forecast", "quantile_column"]
