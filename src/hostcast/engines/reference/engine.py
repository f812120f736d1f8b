"""The reference engine's face."""

from __future__ import annotations

from typing import Any

import pandas as pd
import torch
from pytorch_forecasting import TimeSeriesDataSet
from torch.utils.data import DataLoader

from hostcast.engines.base import Architecture, LoaderOptions, WindowSource
from hostcast.engines.reference.dataset import real_inputs, window_dataset
from hostcast.engines.reference.network import ReferenceNetwork
from hostcast.features import FeatureTable
from hostcast.splitting import Cutoffs
from hostcast.windows import Batch, EpochSampler, InputSpec
from hostcast.windows.spec import ABSENT

__all__ = ["ReferenceEngine"]


class ReferenceEngine:
    """pytorch-forecasting's model on its data set and loader."""

    name = "reference"
    graphable = False

    def source(self, features: FeatureTable, spec: InputSpec) -> WindowSource:
        """See `Engine.source`."""
        return _Source(features.frame(), spec)

    def unpack(self, raw: Any, spec: InputSpec) -> Batch:
        """See `Engine.unpack`."""
        inputs, _ = raw
        order = {name: place for place, name in enumerate(real_inputs(spec))}
        columns = spec.columns
        ahead = inputs["decoder_cont"]  # (batch, horizon, reals)

        def pick(names: list[str]) -> torch.Tensor:
            picked: torch.Tensor = ahead[..., [order[name] for name in names]]
            return picked

        if spec.normalizer == "group":
            center, spread = pick(columns.centers)[:, 0], pick(columns.spreads)[:, 0]
        else:
            scale = torch.stack(inputs["target_scale"], dim=1)  # (batch, targets, 2)
            center, spread = scale[..., 0], scale[..., 1]
        return Batch(
            inputs={**inputs, **_lags_scaled(inputs, order, spec, center, spread)},
            target=pick(columns.targets),
            observed=pick(columns.observed_flags),
            center=center,
            spread=spread,
        )

    def network(self, spec: InputSpec, architecture: Architecture) -> ReferenceNetwork:
        """See `Engine.network`."""
        return ReferenceNetwork(spec, architecture, reals=real_inputs(spec))


def _lags_scaled(
    inputs: dict[str, Any], order: dict[str, int], spec: InputSpec, center: torch.Tensor, spread: torch.Tensor
) -> dict[str, torch.Tensor]:
    """The inputs with lags in each window's scale, which the data set has for targets alone."""
    if not spec.scaled_as:
        return {}
    names = dict(
        zip([*spec.known, *spec.observed], [*spec.columns.known, *spec.columns.observed], strict=True)
    )
    places = [order[names[name]] for name in spec.scaled_as]
    targets = [spec.targets.index(target) for target in spec.scaled_as.values()]
    scaled = {}
    for part in ("encoder_cont", "decoder_cont"):
        rows = inputs[part].clone()
        values = rows[..., places]
        own = (values - center[:, None, targets]) / spread[:, None, targets]
        rows[..., places] = torch.where(values == ABSENT, 0.0, own)
        scaled[part] = rows
    return scaled


class _Source:
    """Makes a data set for every loader, of the rows that it needs."""

    def __init__(self, features: pd.DataFrame, spec: InputSpec) -> None:
        self._features = features
        self._spec = spec

    def loader(
        self,
        cutoffs: pd.DataFrame | Cutoffs,
        *,
        batch_size: int,
        options: LoaderOptions,
        windows_per_epoch: int | None = None,
        seed: int | None = None,
    ) -> DataLoader[Any]:
        """See `WindowSource.loader`."""
        if options.shard != (0, 1):
            raise ValueError("the reference engine loads for one device")
        listed = cutoffs.frame() if isinstance(cutoffs, Cutoffs) else cutoffs
        dataset: TimeSeriesDataSet = window_dataset(self._features, self._spec, listed)
        sampler = None if seed is None else EpochSampler(len(dataset), windows_per_epoch, seed)
        loader: DataLoader[Any] = dataset.to_dataloader(
            train=False,
            batch_size=batch_size,
            num_workers=options.num_workers,
            pin_memory=options.pin_memory,
            persistent_workers=options.persistent_workers and options.num_workers > 0,
            sampler=sampler,
            # a batch of another size would be a step of another weight, unless it is the only one
            drop_last=sampler is not None and len(sampler) >= batch_size,
            # workers must not draw their seeds from the stream that dropout uses
            generator=torch.Generator().manual_seed(0),
        )
        return loader
