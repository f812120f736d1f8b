"""docs/dirty-data.md has a row for each fault that the quality report counts, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from hostcast.params import load_params
from hostcast.telemetry.faults import FAULTS

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/dirty-data.md").read_text("utf-8")
ROWS = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if re.match(r"\| (?!fault)", line)]


def test_every_count_has_a_row_and_every_row_a_count_that_exists() -> None:
    named = [name for row in ROWS for name in re.findall(r"`([a-z_]+)`", row[-1])]
    assert set(named) == set(FAULTS)
    assert all(len(row) == 3 and ("`" in row[2] or row[2].startswith("none: ")) for row in ROWS)


def test_every_param_on_the_page_exists() -> None:
    prepare = load_params(ROOT / "params.yaml").model_dump()["prepare"]
    assert set(re.findall(r"\bprepare\.([a-z_]+)", PAGE)) <= set(prepare)


def test_the_readme_leads_there() -> None:
    assert "(docs/dirty-data.md)" in (ROOT / "README.md").read_text("utf-8")
