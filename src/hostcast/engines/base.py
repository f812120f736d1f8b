"""What an engine has to provide. Training, forecasting and the model folder know no more of it."""

from __future__ import annotations

import abc
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import pandas as pd
from torch import nn

from hostcast.features import FeatureTable
from hostcast.params import ModelParams
from hostcast.splitting import Cutoffs
from hostcast.windows import Batch, InputSpec, QuantileForecast

__all__ = ["Architecture", "Engine", "LoaderOptions", "Network", "WindowSource"]


@dataclass(frozen=True)
class Architecture:
    """Sizes of the network; names as in pytorch-forecasting's TFT."""

    hidden_size: int
    attention_heads: int
    lstm_layers: int
    hidden_continuous_size: int
    dropout: float

    @classmethod
    def of(cls, model: ModelParams) -> Architecture:
        """The architecture that section `model` of the params describes."""
        return cls(
            model.hidden_size,
            model.attention_heads,
            model.lstm_layers,
            model.hidden_continuous_size,
            model.dropout,
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        return asdict(self)


@dataclass(frozen=True)
class LoaderOptions:
    """How batches are loaded; nothing but `shard` changes what they hold.

    Attributes:
        num_workers: loading processes; 0 = load in the training process.
        pin_memory: page-locked batches, for a GPU.
        persistent_workers: keep the workers between epochs.
        shard: (number, count): load the part of each batch that belongs to device `number` of `count`.
    """

    num_workers: int = 0
    pin_memory: bool = False
    persistent_workers: bool = False
    shard: tuple[int, int] = (0, 1)


class Network(nn.Module, abc.ABC):
    """A module from an engine's batches to quantiles in window scale.

    Attributes:
        interpreting: whether a forecast, outside training, comes with the attention it was made by.
    """

    interpreting: bool = True

    @abc.abstractmethod
    def forward(self, batch: Batch) -> QuantileForecast:
        """Forecast every window of a batch."""

    def compile_layers(self) -> None:
        """Let torch.compile fuse what it can of training on a GPU, where the engine has use for it."""
        return

    @abc.abstractmethod
    def hide_servers(self, share: float) -> None:
        """In training, give that share of the windows, drawn anew each time, code 0 for their server."""

    @abc.abstractmethod
    def settle_unknown(self) -> None:
        """Give code 0 of each category, which training never sees, the mean of what was learned.

        What training did see of it, by `hide_servers`, stays.
        """


class WindowSource(Protocol):
    """A data set, made ready once for all loaders."""

    def loader(
        self,
        cutoffs: pd.DataFrame | Cutoffs,
        *,
        batch_size: int,
        options: LoaderOptions,
        windows_per_epoch: int | None = None,
        seed: int | None = None,
    ) -> Iterable[Any]:
        """Batches of the windows at `cutoffs` (columns server, position; or runs of them), in their order.

        With a seed, windows are drawn at random instead: see `hostcast.windows.EpochSampler`.
        Only rows up to a window's last horizon step are read.

        Raises:
            ValueError: a cutoff has too little history or horizon for a window.
        """
        ...


class Engine(Protocol):
    """Loads windows and computes the model."""

    @property
    def name(self) -> str:
        """The value of `train.engine` that chooses this engine."""
        ...

    @property
    def graphable(self) -> bool:
        """Whether a batch of full histories is the same work every time, so that a CUDA graph can hold it."""
        ...

    def source(self, features: FeatureTable, spec: InputSpec) -> WindowSource:
        """The windows of a features table."""
        ...

    def unpack(self, raw: Any, spec: InputSpec) -> Batch:
        """What the loader yielded, wherever it was moved to, as a batch."""
        ...

    def network(self, spec: InputSpec, architecture: Architecture) -> Network:
        """A network with fresh weights, drawn from torch's random state."""
        ...
