"""The engines: ways to load windows and to compute the model. `train.engine` chooses one."""

from hostcast.engines.base import Architecture, Engine, LoaderOptions, Network, WindowSource
from hostcast.engines.registry import get_engine

__all__ = ["Architecture", "Engine", "LoaderOptions", "Network", "WindowSource", "get_engine"]
