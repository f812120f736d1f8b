"""The features table in the form a model reads: filled, scaled, and named safely."""

from __future__ import annotations

import numpy as np
import pandas as pd

from hostcast.windows.spec import ABSENT, FLOAT32, SERVER, InputSpec

__all__ = ["POSITION", "model_frame"]

POSITION = "position"


def model_frame(features: pd.DataFrame, spec: InputSpec) -> pd.DataFrame:
    """Fill and scale the columns that `spec` names: one row per step, without a missing value.

    The result has columns server, position, and those of `spec.columns` (float32; categories as text).

    A missing value takes the last one observed on its server (before the first: the training median),
    so nothing is ever filled from what comes later; `observed_flags` tell which target values are real,
    and only those are trained on or scored. Inputs of `spec.scaled_as` stay in the target's unit.

    Args:
        features: the features table, sorted by server and timestamp, one row per step.
        spec: fitted inputs.
    """
    columns = spec.columns
    servers = features[SERVER]
    grouped = features.groupby(SERVER, sort=False)
    table: dict[str, object] = {
        SERVER: servers.to_numpy(),
        POSITION: grouped.cumcount().to_numpy(),
    }
    carried = grouped[[*spec.targets, *spec.known, *spec.observed]].ffill()
    for name, target, flag, center, spread in zip(
        spec.targets,
        columns.targets,
        columns.observed_flags,
        columns.centers,
        columns.spreads,
        strict=True,
    ):
        values = carried[name].fillna(spec.fill[name]).to_numpy(FLOAT32)
        table[flag] = features[name].notna().to_numpy(FLOAT32)
        if spec.normalizer == "group":
            scales = spec.target_scales[name]
            by_server = {server: scales.servers.get(server, scales.fleet) for server in servers.unique()}
            table[center] = servers.map({k: v.center for k, v in by_server.items()}).to_numpy(FLOAT32)
            table[spread] = servers.map({k: v.spread for k, v in by_server.items()}).to_numpy(FLOAT32)
            values = (values - table[center]) / table[spread]
        table[target] = values
    for name, column in zip([*spec.known, *spec.observed], [*columns.known, *columns.observed], strict=True):
        if name in spec.scaled_as:
            table[column] = carried[name].fillna(ABSENT).to_numpy(FLOAT32)
            continue
        scale = spec.scales[name]
        values = carried[name].fillna(spec.fill[name]).to_numpy("float64")
        table[column] = ((values - scale.center) / scale.spread).astype(FLOAT32)
    for name, column in zip(spec.categories, columns.categories, strict=True):
        table[column] = features[name].astype(str).to_numpy(dtype=object)
    frame = pd.DataFrame(table)
    if not np.isfinite(frame.select_dtypes("number").to_numpy()).all():
        raise AssertionError("model_frame left a value missing")
    return frame
