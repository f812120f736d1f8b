"""A tiny fleet, its roles, its split and params to train on it within a second."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ruamel.yaml import YAML

from hostcast.features import FeatureTable, Roles
from hostcast.params import Params, parse_params
from hostcast.splitting import Split, make_split

ENCODER, HORIZON = 12, 4
SHIPPED = Path(__file__).parents[1] / "params.yaml"
TARGETS = ("cpu", "disk.used%")
START = pd.Timestamp("2025-01-06", tz="UTC")


def folds(count: int, window: str = "expanding", **more: int | None) -> dict[str, Any]:
    """Value of split.folds."""
    return {"count": count, "window": window, "training": None, "period": None, **more}


@cache
def _shipped() -> Any:
    return YAML(typ="safe").load(SHIPPED.read_text("utf-8"))


def shipped() -> dict[str, Any]:
    """The content of the shipped params.yaml, for the caller to change."""
    content: dict[str, Any] = copy.deepcopy(_shipped())
    return content


def tiny_content(changes: dict[str, Any] | None = None, targets: tuple[str, ...] = TARGETS) -> dict[str, Any]:
    """Params of a run that takes a second; `changes` maps dotted paths to values."""
    content = shipped()
    content["base"] |= {"random_seed": 7, "freq": "1h", "target_metrics": list(targets)}
    content["prepare"]["ranges"] = {}
    content["split"] |= {
        "encoder_length": ENCODER,
        "horizon": HORIZON,
        "min_encoder_length": ENCODER,
        "validation_stride": 2,
    }
    content["model"] |= {"hidden_size": 4, "attention_heads": 2, "hidden_continuous_size": 2}
    content["train"] |= {
        "epochs": 2,
        "batch_size": 16,
        "windows_per_epoch": 64,
        "validation_windows": 24,
        "log_every_n_steps": 1,
        "tensorboard_enabled": False,
        # tests turn on what they are about
        "refit": False,
        "spread_power": 1.0,
        "server_dropout": 0.0,
    }
    content["evaluate"] |= {"quantiles": [0.1, 0.5, 0.9], "stride": 4, "season": 24, "batch_size": 32}
    content["runtime"] |= {"num_workers": 0, "progress": False, "accelerator": "cpu"}
    for path, value in (changes or {}).items():
        section, key = path.split(".")
        content[section][key] = value
    return content


def tiny_params(changes: dict[str, Any] | None = None, targets: tuple[str, ...] = TARGETS) -> Params:
    """Checked params of `tiny_content`."""
    return parse_params(tiny_content(changes, targets))


def tiny_features(
    rows: tuple[int, ...] = (120, 100, 110), *, missing: float = 0.03, seed: int = 0
) -> pd.DataFrame:
    """Hourly features of a few servers that differ in level and length.

    Server number i starts i hours late. The inputs are a known hour of the day, an observed queue, and
    a static role; a share of the targets' and the queue's values is missing.
    """
    rng = np.random.default_rng(seed)
    parts = []
    for number, count in enumerate(rows):
        hours = np.arange(count) + number
        wave = np.sin(2 * np.pi * hours / 24)
        part = pd.DataFrame(
            {
                "server": pd.Series([f"web-{number}"] * count, dtype="str"),
                "timestamp": pd.DatetimeIndex(START + hours * pd.Timedelta("1h")).as_unit("us"),
                TARGETS[0]: 30 + 10 * number + 10 * wave + rng.normal(0, 2, count),
                TARGETS[1]: 1000 + 300 * number + 100 * wave + rng.normal(0, 20, count),
                "queue": 5 + wave + rng.normal(0, 1, count),
                "hour_sin": wave,
                "role": pd.Series([["front", "back"][number % 2]] * count, dtype="str"),
            }
        )
        for column in (*TARGETS, "queue"):
            part.loc[rng.random(count) < missing, column] = np.nan
        parts.append(part.astype(dict.fromkeys((*TARGETS, "queue", "hour_sin"), "float32")))
    return pd.concat(parts, ignore_index=True)


def with_lags(given: Scene, lags: tuple[int, ...], targets: tuple[str, ...] = TARGETS) -> Scene:
    """The scene with what its targets were so many steps ago as inputs."""
    table, content = given.features.copy(), given.roles.to_dict()
    for lag in lags:
        for target in targets:
            name = f"{target}_lag_{lag}"
            table[name] = table.groupby("server", sort=False)[target].shift(lag)
            role = "known" if lag >= given.params.split.horizon else "observed"
            content["columns"][name] = {"role": role, "kind": "real", "made_by": "lag", "from": [target]}
    return replace(given, features=table, roles=Roles.from_dict(content))


def tiny_roles(targets: tuple[str, ...] = TARGETS) -> Roles:
    """Roles of the columns of `tiny_features`."""

    def entry(role: str, kind: str, maker: str) -> dict[str, Any]:
        return {"role": role, "kind": kind, "made_by": maker, "from": []}

    return Roles.from_dict(
        {
            "group": "server",
            "time": "timestamp",
            "freq": "1h",
            "columns": {
                **{name: entry("target", "real", "telemetry") for name in targets},
                "queue": entry("observed", "real", "telemetry"),
                "hour_sin": entry("known", "real", "calendar"),
                "role": entry("static", "categorical", "telemetry"),
            },
        }
    )


@dataclass(frozen=True)
class Scene:
    """All that training needs."""

    features: pd.DataFrame
    roles: Roles
    split: Split
    params: Params

    @property
    def table(self) -> FeatureTable:
        """The features as training takes them."""
        return FeatureTable.of(self.features)


def scene(
    changes: dict[str, Any] | None = None,
    *,
    targets: tuple[str, ...] = TARGETS,
    features: pd.DataFrame | None = None,
) -> Scene:
    """The tiny fleet, split."""
    params = tiny_params(changes, targets)
    table = tiny_features() if features is None else features
    split = make_split(table, list(targets), params.split, params.base.step, seed=params.base.random_seed)
    return Scene(table, tiny_roles(targets), split, params)
