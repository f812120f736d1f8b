"""Whether features and split are those that the params ask for: outside `dvc repro` nobody makes them so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from hostcast.errors import HostcastError
from hostcast.features import FeatureTable, Roles
from hostcast.params import Params
from hostcast.paths import FEATURES, ROLES, SPLIT
from hostcast.splitting import Split

__all__ = ["require_current"]


def require_current(features: FeatureTable, roles: Roles, split: Split, params: Params) -> None:
    """See that the files of earlier stages fit the params and each other.

    Args:
        features: the features table.
        roles: each column's role.
        split: spans and windows.
        params: sections base and split are read.

    Raises:
        HostcastError: a file was made with other params, or from other data.
    """
    targets, wanted = roles.targets, params.base.target_metrics
    if set(targets) != set(wanted):
        raise _stale(ROLES, f"made for the targets {', '.join(targets)}", ", ".join(wanted))
    step = pd.Timedelta(1 * pd.tseries.frequencies.to_offset(roles.freq).nanos, unit="ns")
    if step != params.base.step:
        raise _stale(ROLES, f"made with base.freq {roles.freq}", params.base.freq)
    if split.step != params.base.step:
        seconds = split.step.total_seconds()
        raise _stale(SPLIT, f"made with steps of {seconds:g} s", f"base.freq {params.base.freq}")
    for key in ("encoder_length", "horizon"):
        made, asked = split.report[key], getattr(params.split, key)
        if made != asked:
            raise _stale(SPLIT, f"made with split.{key} {made}", str(asked))
    if len(split.folds) != params.split.folds.count:
        made = f"made with split.folds.count {len(split.folds)}"
        raise _stale(SPLIT, made, str(params.split.folds.count))
    # which is not noted there, but the first cutoff follows it
    shortest = int(split.runs["first"].min()) + 1
    if shortest < params.split.min_encoder_length:
        raise _stale(
            SPLIT,
            f"made with a split.min_encoder_length of at most {shortest}",
            str(params.split.min_encoder_length),
        )
    _require_same_rows(features, split)


def _require_same_rows(features: FeatureTable, split: Split) -> None:
    rows = dict(zip(features.servers, np.diff(features.bounds).tolist(), strict=True))
    spans = {span.server: span.rows for span in split.spans}
    differing = sorted(name for name in {*rows, *spans} if rows.get(name) != spans.get(name))
    if differing:
        name = differing[0]
        raise HostcastError(
            f"is stale: it has {spans.get(name, 0)} rows of server {name!r}, "
            f"{FEATURES} has {rows.get(name, 0)}",
            file=SPLIT,
            remedy=_REMEDY,
        )


_REMEDY = "run `dvc repro`: it makes anew what the params or the data have changed since"


def _stale(file: Path, made: str, asked: str) -> HostcastError:
    return HostcastError(f"is stale: it was {made}, params.yaml says {asked}", file=file, remedy=_REMEDY)
