"""Seeds that reached a goal and seeds that did not, as they are told."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from engines_data import quick_params

from hostcast.benchmark.engines import EngineRuns, draw_ratios, engine_metrics, render_engines
from hostcast.benchmark.engines.ceilings import Ceilings
from hostcast.benchmark.engines.facts import gather_facts
from hostcast.benchmark.engines.plan import Plan
from hostcast.benchmark.engines.quality import QualityRun
from hostcast.benchmark.engines.race import Course, Validation
from hostcast.benchmark.engines.recipes import make_recipes
from hostcast.benchmark.engines.results import engine_results, results_document


def raced(*seconds: float | None, same: bool = False) -> EngineRuns:
    """Pairs: the reference takes 100 s, the other what is said; None = it never gets there."""
    runs = []
    for repeat, own in enumerate(seconds):
        for role, reached in (("reference", 100.0), ("fused", own)):
            loss = 0.1 if reached is not None else 0.2
            course = Course(role, 42 + repeat, [Validation(reached or 50.0, loss)], 120.0)
            runs.append(QualityRun("smd", repeat, role, course, 0.1, reached))
    return EngineRuns(
        plan=Plan("cpu", {}, {"smd": Path("../smd")}, False, 5, 1.0, None),
        facts=gather_facts("cpu"),
        ceilings=Ceilings({"32": 1e12}, 1e10, 512, 64),
        shapes={},
        weights={},
        runs=pd.DataFrame(),
        agreements=[],
        memory=None,
        quality=runs,
        recipes=make_recipes(
            quick_params(fused_recipe={"epochs": 12}, same_recipe=same),
            {"reference": "reference", "fused": "fused"},
            "cpu",
        ),
        left_out={},
        failures={},
    )


def test_seeds_that_all_reach_the_goal_have_a_median_and_a_range_of_ratios():
    done = raced(20.0, 25.0, 50.0)
    page = render_engines(done)

    assert (
        "| `smd` | time to quality | 100.0 (100.0 to 100.0) | 25.0 (20.0 to 50.0) | **4.0x** (2.0 to 5.0)"
        in page
    )
    assert "median (smallest to largest) of 3 seeds" in page
    assert "Windows per second, median" not in page
    assert engine_metrics(done)["cpu"]["smd"]["time_to_quality"] == {
        "reference": 100.0,
        "fused": 25.0,
        "ratio": 4.0,
        "spread": {"low": 2.0, "high": 5.0},
        "seeds": 3,
        "reached": {"reference": 3, "fused": 3},
    }


def test_where_some_seeds_never_reach_it_their_number_is_told_and_there_is_no_ratio():
    done = raced(20.0, None, 30.0)
    page = render_engines(done)

    assert "| 25.0 (20.0 to 30.0), reached with 2 of 3 seeds | none: not always reached |" in page
    assert "| smd | 43 | fused | 0.10000 | not reached | 0.20000 | 1 |" in page
    assert engine_results(done)[0].reached == {"reference": 3, "fused": 2}
    assert engine_metrics(done)["cpu"]["smd"]["time_to_quality"]["ratio"] is None
    assert results_document(done, None)["results"][0]["reached"] == {"reference": 3, "fused": 2}
    assert "<svg" in draw_ratios(done)


@pytest.mark.parametrize(("seconds", "words"), [([None], "1 seed"), ([None, None], "2 seeds")])
def test_where_no_seed_reaches_it_that_is_told(seconds, words):
    done = raced(*seconds)

    assert f"| not reached with any of {words} | none: not always reached |" in render_engines(done)
    assert engine_metrics(done)["cpu"]["smd"]["time_to_quality"]["fused"] is None


def test_one_seed_has_no_range():
    page = render_engines(raced(20.0))

    assert "| `smd` | time to quality | 100.0 | 20.0 | **5.0x** |" in page
    assert "of 1 seed;" in page


def test_the_page_says_what_each_engine_trains_with():
    page = render_engines(raced(20.0))

    assert "Each engine was trained with a recipe of its own." in page
    assert "reference: `engine: reference`, `tensorboard_enabled: false`; fused: `epochs: 12`," in page
    assert "each with its own recipe" in page


def test_the_page_says_where_both_train_with_the_fused_engines_recipe():
    page = render_engines(raced(20.0, same=True))

    assert "Both engines were trained with the fused one's recipe." in page
    assert "reference: `engine: reference`, `epochs: 12`, `tensorboard_enabled: false`; fused:" in page
    assert "the fused engine's recipe for both" in page


def test_what_is_kept_holds_the_recipes_and_says_where_no_commit_is_known():
    kept = results_document(raced(20.0), None)

    assert kept["code"] is None
    assert kept["recipes"]["fused"] == {"epochs": 12, "tensorboard_enabled": False}
    assert [run["seconds"] for run in kept["quality"]] == [100.0, 20.0]
