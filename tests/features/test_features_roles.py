from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from features_data import params_with, telemetry

from hostcast.errors import HostcastError
from hostcast.features import Column, Roles, featurize, read_roles, write_roles

ROLES = Roles(
    group="server",
    time="timestamp",
    freq="5min",
    columns={
        "cpu_percent": Column("target", "real", "telemetry"),
        "requests": Column("observed", "real", "telemetry"),
        "region": Column("static", "categorical", "telemetry"),
        "time_of_day_sin": Column("known", "real", "calendar", ("timestamp",)),
        "cpu_percent_lag_288": Column("known", "real", "lag", ("cpu_percent",)),
    },
)


def test_roles_come_back_from_their_file_as_they_went_in(tmp_path: Path) -> None:
    write_roles(ROLES, tmp_path / "roles.json")
    assert read_roles(tmp_path / "roles.json") == ROLES


def test_what_featurize_says_of_the_columns_is_what_the_file_holds() -> None:
    made = featurize(telemetry(), params_with(time_of_day=True, lags=[1]))
    assert Roles.from_dict(made.roles) == made.schema
    assert made.roles["group"] == "server"
    assert made.roles["time"] == "timestamp"
    assert made.roles["freq"] == "5min"


def test_columns_are_found_by_their_role_in_the_tables_order() -> None:
    assert ROLES.targets == ["cpu_percent"]
    assert ROLES.measured == ["cpu_percent", "requests"]
    assert ROLES.known_reals == ["time_of_day_sin", "cpu_percent_lag_288"]
    assert ROLES.observed_reals == ["requests"]
    assert ROLES.static_categoricals == ["region"]
    assert ROLES.static_reals == ROLES.known_categoricals == ROLES.observed_categoricals == []
    assert ROLES.made_by("lag") == ["cpu_percent_lag_288"]


def test_a_file_that_is_not_there_says_which_stage_makes_it(tmp_path: Path) -> None:
    with pytest.raises(HostcastError, match="dvc repro featurize"):
        read_roles(tmp_path / "roles.json")


@pytest.mark.parametrize("text", ["", "{", "\xff"])
def test_a_file_that_is_no_json_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "roles.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(HostcastError, match=r"roles\.json: not readable as JSON"):
        read_roles(path)


@pytest.mark.parametrize(
    "content",
    [
        {},
        [],
        {"group": "server", "time": "timestamp", "freq": "5min", "columns": {"cpu": {"role": "target"}}},
    ],
)
def test_a_file_that_describes_no_roles_is_refused(content: Any) -> None:
    with pytest.raises(HostcastError):
        Roles.from_dict(content)


def test_an_unknown_role_is_named_with_its_column() -> None:
    content = ROLES.to_dict()
    content["columns"]["requests"]["role"] = "oracle"
    with pytest.raises(HostcastError, match="column requests: 'oracle' is none of target, observed"):
        Roles.from_dict(content)
