"""Part by part, split gives what it gives in memory; cutoffs as runs are the cutoffs in a list."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet import START, folds, tiny_params
from hostcast.errors import HostcastError
from hostcast.parts import Layout, group_bounds, part_table, publish, write_index, write_part
from hostcast.splitting import make_split, split_of
from small_parts import shrink_parts

HOUR = 3_600_000_000


@settings(max_examples=12, deadline=None)
@given(
    servers=st.lists(st.tuples(st.integers(0, 30), st.integers(30, 90)), min_size=1, max_size=5),
    missing=st.sampled_from([0.0, 0.3]),
    boundary=st.sampled_from(["global", "per_server"]),
    stride=st.integers(1, 3),
    count=st.integers(0, 2),
    held_out=st.integers(0, 1),
)
def test_any_fleet_has_the_split_that_it_has_in_memory(
    tmp_path_factory: pytest.TempPathFactory,
    servers: list[tuple[int, int]],
    missing: float,
    boundary: str,
    stride: int,
    count: int,
    held_out: int,
) -> None:
    folder = tmp_path_factory.mktemp("fleet")
    params = tiny_params(
        {
            "base.target_metrics": ["y", "z"],
            "base.freq": "1h",
            "split.boundary": boundary,
            "split.folds": folds(count, period=7),
            "split.holdout_servers": held_out,
        }
    )
    random = np.random.default_rng(0)
    names = [f"s{number}" for number in range(len(servers))]
    first, rows = (np.array(each, np.int64) for each in zip(*servers, strict=True))
    first += int(START.as_unit("us").asm8.astype("int64")) // HOUR
    values = random.random((int(rows.sum()), 2), dtype=np.float32)
    values[random.random(values.shape) < missing] = np.nan
    with pytest.MonkeyPatch.context() as patch:
        shrink_parts(patch)
        layout = Layout(names, first, rows, group_bounds(names), HOUR)
        (folder / "work").mkdir()
        sources = []
        for part in layout.parts:
            begin = [layout.bounds[piece.server] + piece.offset for piece in part.pieces]
            own = np.concatenate([values[b : b + p.count] for b, p in zip(begin, part.pieces, strict=True)])
            table = part_table(layout, part, {"y": own[:, 0].copy(), "z": own[:, 1].copy()}, {}, ["y", "z"])
            sources.append(
                (folder / "work" / part.name, write_part(folder / "work" / part.name, table, counted=True))
            )
        publish(sources, folder / "table")
        write_index(folder / "table", layout, [file for _, file in sources])
        times = np.concatenate([layout.micros(place, 0, int(count)) for place, count in enumerate(rows)])
        frame = pd.DataFrame(
            {
                "server": np.repeat(names, rows),
                "timestamp": pd.DatetimeIndex(times.view("M8[us]"), tz="UTC"),
                "y": values[:, 0],
                "z": values[:, 1],
            }
        )
        try:
            split = make_split(
                frame, ["y", "z"], params.split, params.base.step, seed=params.base.random_seed
            )
        except HostcastError as error:
            with pytest.raises(HostcastError) as caught:
                split_of(folder / "table", params)
            assert str(caught.value) == str(error)
            return
        parts = split_of(folder / "table", params)
        assert len(parts.folds) == len(split.folds) == count
        for one, other in zip([parts, *parts.folds], [split, *split.folds], strict=True):
            assert (one.spans, one.report) == (other.spans, other.report)
            pd.testing.assert_frame_equal(one.runs, other.runs)
    for part in ("train", "validation", "test"):
        runs = split.cutoff_runs(part, stride=stride)  # type: ignore[arg-type]
        listed = split.cutoffs(part, stride=stride)  # type: ignore[arg-type]
        assert len(runs) == len(listed)
        some = random.integers(0, len(runs), 5)
        pd.testing.assert_frame_equal(runs.frame(some), listed.iloc[some].reset_index(drop=True))
