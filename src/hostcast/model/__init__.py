"""The model folder: weights in safetensors, everything else in JSON."""

from hostcast.model.store import Model, load_model, save_model

__all__ = ["Model", "load_model", "save_model"]
