"""The features table: prepared telemetry, what is made from it, and the role of every column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from hostcast.errors import HostcastError
from hostcast.features.calendar import calendar_columns, calendar_of
from hostcast.features.interactions import interaction_columns, interaction_features
from hostcast.features.lags import lag_columns, lag_features
from hostcast.features.missing import missing_columns, missing_features
from hostcast.features.roles import Column, Roles
from hostcast.features.rolling import rolling_columns, rolling_features
from hostcast.features.rows import Columns, ServerRows
from hostcast.params import Params

__all__ = ["Features", "as_float32", "featurize", "made_of", "require_reach", "schema_of"]

GROUP, TIME = "server", "timestamp"


@dataclass(frozen=True)
class Features:
    """What the model may look at.

    Attributes:
        frame: server, timestamp, then every column of `schema` in its order; numbers are float32, NaN where
            nothing is known.
        schema: what each column is.
    """

    frame: pd.DataFrame
    schema: Roles

    @property
    def roles(self) -> dict[str, Any]:
        """The content of roles.json."""
        return self.schema.to_dict()


def featurize(telemetry: pd.DataFrame, params: Params) -> Features:
    """Add the features that `params.featurize` asks for.

    A feature at time t is made from that server's rows up to t alone. Rows still to come may be appended with
    missing targets: what is known ahead is then right there, and nothing before them changes.

    Args:
        telemetry: the prepared table: server, timestamp (UTC), targets, covariates, static columns; a regular
            grid of `params.base.freq` per server, sorted by server and timestamp; NaN = missing.
        params: of these, base, featurize, split.horizon (which lags are known ahead) and the names of
            covariates and static columns are read.

    Raises:
        HostcastError: a column is missing, the grid is not regular, a lag or rolling window exceeds
            every history, a feature would bear the name of another column, or a value is too large for
            float32.
    """
    measured = [*params.base.target_metrics, *params.prepare.covariates]
    if telemetry.empty:
        raise HostcastError("the prepared telemetry holds no rows", remedy="make it anew: dvc repro prepare")
    schema = schema_of(params, telemetry.columns)
    telemetry = telemetry.reset_index(drop=True)
    _require_regular(telemetry, params.base.step)
    sizes = telemetry.groupby(GROUP, sort=False).size()
    require_reach(int(sizes.max()), params)
    heads = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    instants = pd.DatetimeIndex(telemetry[TIME]).as_unit("us").asi8
    rows = ServerRows(
        counts=sizes.tolist(),
        first=instants[heads].tolist(),
        step=params.base.step // pd.Timedelta(1, "us"),
        numbers={name: telemetry[name].to_numpy() for name in measured},
    )
    numbers = pd.DataFrame(as_float32(made_of(rows, params)))
    frame = pd.concat([telemetry[[GROUP, TIME, *params.prepare.static]], numbers], axis=1)
    return Features(frame=frame[[GROUP, TIME, *schema.columns]], schema=schema)


def schema_of(params: Params, present: Collection[str]) -> Roles:
    """The role of every column.

    Args:
        params: see `featurize`.
        present: columns of the prepared telemetry.

    Raises:
        HostcastError: a column is missing, or a feature would bear the name of another one.
    """
    measured = [*params.base.target_metrics, *params.prepare.covariates]
    for name in [GROUP, TIME, *measured, *params.prepare.static]:
        if name not in present:
            raise HostcastError(
                "is not in the prepared telemetry",
                column=name,
                remedy="make it anew: dvc repro prepare",
            )
    columns = _columns(params)
    _refuse_collisions(columns, present)
    return Roles(GROUP, TIME, params.base.freq, dict(columns))


def made_of(rows: ServerRows, params: Params) -> Columns:
    """All numbers of the features table: what was measured, and what is made of it."""
    targets, asked = params.base.target_metrics, params.featurize
    made = {
        **{name: rows.numbers[name] for name in [*targets, *params.prepare.covariates]},
        **calendar_of(rows, asked),
        **lag_features(rows, targets=_lagged(params), lags=asked.lags),
        **rolling_features(
            rows, targets=targets, windows=asked.rolling_windows, statistics=asked.rolling_statistics
        ),
        **interaction_features(rows, pairs=asked.interactions),
    }
    if asked.missing_indicators:
        made |= missing_features(rows, targets=targets)
    return made


def _lagged(params: Params) -> list[str]:
    chosen = params.featurize.lagged
    return params.base.target_metrics if chosen is None else chosen


def _columns(params: Params) -> list[tuple[str, Column]]:
    """Name and role of every column but the key, in the table's order; names may still collide."""
    targets, asked = params.base.target_metrics, params.featurize
    columns = [(name, Column("target", "real", "telemetry")) for name in targets]
    columns += [(name, Column("observed", "real", "telemetry")) for name in params.prepare.covariates]
    columns += [(name, Column("static", "categorical", "telemetry")) for name in params.prepare.static]
    columns += calendar_columns(asked, time=TIME)
    columns += lag_columns(targets=_lagged(params), lags=asked.lags, horizon=params.split.horizon)
    columns += rolling_columns(
        targets=targets, windows=asked.rolling_windows, statistics=asked.rolling_statistics
    )
    columns += interaction_columns(pairs=asked.interactions)
    if asked.missing_indicators:
        columns += missing_columns(targets=targets)
    return columns


def _refuse_collisions(columns: list[tuple[str, Column]], present: Collection[str]) -> None:
    times = Counter(name for name, _ in columns)
    for name, column in columns:
        taken = column.made_by != "telemetry" and name in present
        if taken or times[name] > 1:
            raise HostcastError(
                "a feature would bear this name, which is taken already",
                column=name,
                remedy="rename the telemetry's column, or name the feature only once in featurize",
            )


def _require_regular(telemetry: pd.DataFrame, step: pd.Timedelta) -> None:
    """Lags and windows count rows: they mean time only on a grid without holes."""
    groups = telemetry[GROUP].to_numpy()
    same = groups[1:] == groups[:-1]
    gaps = telemetry[TIME].diff().iloc[1:].to_numpy()
    wrong = np.flatnonzero(same & (gaps != step.to_timedelta64()))
    if len(wrong):
        raise HostcastError(
            f"is not one step of {step} after the row before it",
            column=TIME,
            row=int(wrong[0]) + 2,
            remedy="make the prepared telemetry anew: dvc repro prepare",
        )
    starts = int((~same).sum()) + 1
    if len(telemetry) and starts != telemetry[GROUP].nunique():
        raise HostcastError(
            "the rows of a server do not stand together",
            column=GROUP,
            remedy="make the prepared telemetry anew: dvc repro prepare",
        )


def require_reach(longest: int, params: Params) -> None:
    """See that lags and windows lead no further than the longest server's rows.

    Raises:
        HostcastError: one does.
    """
    # a lag of the whole history leads before its first row
    for key, steps, most in (
        ("lags", params.featurize.lags, longest - 1),
        ("rolling_windows", params.featurize.rolling_windows, longest),
    ):
        beyond = [value for value in steps if value > most]
        if beyond:
            raise HostcastError(
                f"featurize.{key} asks for {beyond}, but the longest server has {longest} steps",
                file="params.yaml",
                remedy=f"lower featurize.{key} to {most} steps at most, or bring more history",
            )


def as_float32(columns: Columns) -> dict[str, npt.NDArray[np.float32]]:
    """Numbers as they are stored.

    Raises:
        HostcastError: one is too large; the message's row is counted from these columns' first.
    """
    narrow = {}
    for name, values in columns.items():
        with np.errstate(over="ignore"):
            narrow[name] = values.astype(np.float32, copy=False)
        infinite = np.flatnonzero(np.isinf(narrow[name]))
        if len(infinite):
            raise HostcastError(
                f"{len(infinite)} value(s) are too large for a 32-bit number",
                column=name,
                row=int(infinite[0]) + 1,
                remedy="give the source column in a larger unit, or take it out of featurize.interactions",
            )
    return narrow
