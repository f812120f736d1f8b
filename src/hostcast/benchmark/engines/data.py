"""Data of a shape, made from the seed: no measurement needs the pipeline's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from hostcast.benchmark.engines.shapes import Shape
from hostcast.features import Column, FeatureTable, Roles, read_roles, write_roles
from hostcast.files import write_parquet
from hostcast.params import Params
from hostcast.paths import FEATURES, ROLES, SPLIT, WINDOWS
from hostcast.splitting import Split, make_split, read_split, write_split

__all__ = ["Data", "forecast_cutoffs", "make_frame", "make_roles", "open_data", "write_data"]

Floats = npt.NDArray[np.float32]

START = "2025-01-06"
DAY, WEEK = pd.Timedelta("1D"), pd.Timedelta("7D")
FORECAST_FEATURES = Path("data/features/forecast.parquet")


@dataclass(frozen=True)
class Data:
    """What training reads.

    Attributes:
        features: the features table.
        roles: each column's role.
        split: cutoffs of training and validation windows.
    """

    features: FeatureTable
    roles: Roles
    split: Split


def open_data(folder: Path) -> Data:
    """The data of a project, or of a shape that was written to a folder."""
    return Data(
        FeatureTable.open(folder / FEATURES),
        read_roles(folder / ROLES),
        read_split(folder / SPLIT, folder / WINDOWS),
    )


def write_data(folder: Path, shape: Shape, params: Params, *, forecasts: bool = False) -> None:
    """Write a shape's data as the pipeline would.

    Args:
        folder: takes the place of the project's root.
        shape: what to make.
        params: of the shape; the seed and section split are read.
        forecasts: write the table of many servers that are forecast at once, too.
    """
    seed = params.base.random_seed
    frame = make_frame(shape, seed, series=shape.series, rows=shape.rows)
    write_parquet(folder / FEATURES, frame)
    write_roles(make_roles(shape), folder / ROLES)
    split = make_split(frame, shape.target_names, params.split, params.base.step)
    write_split(split, folder / SPLIT, folder / WINDOWS)
    if forecasts:
        many = make_frame(shape, seed + 1, series=shape.forecast_series, rows=shape.steps)
        write_parquet(folder / FORECAST_FEATURES, many)


def forecast_cutoffs(shape: Shape) -> pd.DataFrame:
    """One cutoff on each server of the forecast table, columns server and position."""
    return pd.DataFrame({"server": _names(shape.forecast_series), "position": shape.encoder_length - 1})


def make_roles(shape: Shape) -> Roles:
    """Roles of the columns of `make_frame`."""
    return Roles(
        group="server",
        time="timestamp",
        freq=shape.freq,
        columns={
            **{name: Column("target", "real", "telemetry") for name in shape.target_names},
            **{name: Column("known", "real", "calendar") for name in _known_names(shape)},
            **{name: Column("observed", "real", "missing") for name in _observed_names(shape)},
        },
    )


def make_frame(shape: Shape, seed: int, *, series: int, rows: int) -> pd.DataFrame:
    """A features table: levels, daily and weekly waves and autocorrelated noise, some values missing."""
    rng = np.random.default_rng([seed, series, rows])
    step = pd.Timedelta(shape.freq)
    time = np.arange(rows)
    times = np.datetime64(START, "us") + time * step.to_timedelta64().astype("timedelta64[us]")
    day, week = (2 * np.pi * time * (step / length) for length in (DAY, WEEK))
    values = _targets(shape, rng, series, day, week)  # (series, rows, targets)
    absent = rng.random(values.shape, dtype=np.float32) < shape.missing
    values[absent] = np.nan
    columns: dict[str, object] = {
        "server": pd.Series(np.repeat(np.array(_names(series), dtype=object), rows), dtype="str"),
        "timestamp": pd.DatetimeIndex(np.tile(times, series)).tz_localize("UTC"),
    }
    for place, name in enumerate(shape.target_names):
        columns[name] = values[:, :, place].reshape(-1)
    waves = [np.sin(day), np.cos(day), np.sin(week), np.cos(week)]
    for name, wave in zip(_known_names(shape), waves, strict=False):
        columns[name] = np.tile(wave.astype(np.float32), series)
    for name in _observed_names(shape):
        columns[name] = absent.mean(axis=2, dtype=np.float32).reshape(-1)
    return pd.DataFrame(columns)


def _targets(
    shape: Shape,
    rng: np.random.Generator,
    series: int,
    day: npt.NDArray[Any],
    week: npt.NDArray[Any],
) -> Floats:
    lines = (series, shape.targets)
    noise = _noise(rng, len(day), lines)  # (rows, series, targets)
    level, swing, weekly, phase = (
        rng.uniform(low, high, lines).astype(np.float32)
        for low, high in ((20.0, 60.0), (2.0, 15.0), (0.0, 5.0), (0.0, 2 * np.pi))
    )
    noise *= 0.2 * swing
    noise += level
    for row, (of_day, of_week) in enumerate(zip(day, week, strict=True)):
        noise[row] += swing * np.sin(of_day + phase) + weekly * np.sin(of_week + phase)
    return np.ascontiguousarray(noise.transpose(1, 0, 2))


def _noise(rng: np.random.Generator, rows: int, lines: tuple[int, int]) -> Floats:
    memory = np.float32(0.9)
    noise = rng.standard_normal((rows, *lines), dtype=np.float32)
    for row in range(1, rows):
        noise[row] += memory * noise[row - 1]
    return noise


def _names(series: int) -> list[str]:
    return [f"server-{number:05d}" for number in range(series)]


def _known_names(shape: Shape) -> list[str]:
    return ["time_of_day_sin", "time_of_day_cos", "day_of_week_sin", "day_of_week_cos"][: shape.known]


def _observed_names(shape: Shape) -> list[str]:
    return ["missing_share"][: shape.observed]
