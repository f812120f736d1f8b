"""Engines that must compute the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from engines_data import TINY, quick_params, write_tiny

from hostcast.benchmark.engines.agreement import TOLERANCES, Agreement, require_agreement
from hostcast.benchmark.engines.comparison import Comparison, compare_engines
from hostcast.errors import HostcastError

SAME = Agreement("fleet", "cpu", 8, **dict.fromkeys(TOLERANCES, 0.0))


def compared(folder: Path, *engines: str) -> Agreement:
    return compare_engines(Comparison((engines[0], engines[1]), TINY, folder, quick_params(), "cpu", 1, 12))


def test_an_engine_agrees_with_itself_to_the_bit(tmp_path: Path):
    agreement = compared(write_tiny(tmp_path), "reference", "reference")

    assert agreement == Agreement("fleet", "cpu", 12, **dict.fromkeys(TOLERANCES, 0.0))


def test_the_fused_engine_agrees_with_the_reference(tmp_path: Path):
    require_agreement(compared(write_tiny(tmp_path), "reference", "fused"))


@pytest.mark.parametrize("name", TOLERANCES)
@pytest.mark.parametrize("difference", [0.01, float("nan"), float("inf")])
def test_a_difference_that_is_too_large_or_no_number_is_an_error(name, difference):
    require_agreement(SAME)
    with pytest.raises(HostcastError, match=f"disagree at fleet on cpu: {name.replace('_', ' ')}"):
        require_agreement(replace(SAME, **{name: difference}))
