"""Files that differ from each other, or are not what they should be."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from hostcast.errors import HostcastError
from hostcast.telemetry import formats, intake, prepare
from hostcast.telemetry.formats import blocks

HEADER = "server,timestamp,cpu_percent,memory_percent,disk_percent,load_average\n"


@pytest.fixture
def expected(fleet, params_for, tmp_path):
    (tmp_path / "clean").mkdir()
    fleet.to_parquet(tmp_path / "clean" / "t.parquet")
    return prepare(params_for(tmp_path / "clean")).telemetry


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "raw").mkdir()
    return tmp_path / "raw"


def faults(got) -> dict[str, int]:
    """How often each fault is counted."""
    counts: dict[str, int] = {}
    for entry in got.quality["treatments"]:
        counts[entry["fault"]] = counts.get(entry["fault"], 0) + entry["count"]
    return counts


@pytest.mark.parametrize(
    "encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp1252"]
)
@pytest.mark.parametrize("kind", ["csv", "json", "jsonl"])
def test_text_of_every_encoding_gives_the_same_telemetry(kind, encoding, fleet, expected, params_for, folder):
    fleet["server"] = fleet["server"].replace("web-0", "höst-0")
    text = {
        "csv": lambda: fleet.to_csv(index=False),
        "json": lambda: fleet.to_json(orient="records", force_ascii=False, date_format="iso"),
        "jsonl": lambda: fleet.to_json(orient="records", lines=True, force_ascii=False, date_format="iso"),
    }[kind]()
    (folder / f"t.{kind}").write_bytes(text.encode(encoding))
    named = encoding if encoding in ("latin-1", "cp1252") else None
    got = prepare(params_for(folder, encoding=named))
    assert set(got.telemetry["server"]) == {"höst-0", "web-1"}
    order = got.telemetry.replace({"server": {"höst-0": "web-0"}}).sort_values(["server", "timestamp"])
    pd.testing.assert_frame_equal(order.reset_index(drop=True), expected)
    assert faults(got).get("other_encoding", 0) == (encoding != "utf-8-sig")


def test_text_of_an_encoding_that_nobody_named_is_refused(params_for, folder):
    (folder / "t.csv").write_bytes((HEADER + "höst,2025-01-06,1,2,3,4\n").encode("latin-1"))
    with pytest.raises(HostcastError, match=r"not UTF-8.*line 2\n.*prepare.encoding, e.g. latin-1"):
        prepare(params_for(folder))
    (folder / "t.csv").write_bytes("a".encode("utf-16") + b"\x00")
    with pytest.raises(HostcastError, match=r"is not utf-16-le text \(byte 2\)"):
        prepare(params_for(folder, encoding="latin-1"))


@pytest.mark.parametrize("mark", [";", "\t", "|"])
@pytest.mark.parametrize("quoted", [False, True])
def test_other_marks_between_fields_are_recognised(mark, quoted, fleet, expected, params_for, folder):
    fleet.to_csv(folder / "t.csv", index=False, sep=mark, quoting=1 if quoted else 0)
    pd.testing.assert_frame_equal(prepare(params_for(folder)).telemetry, expected)


@pytest.mark.parametrize("mark", [",", ";"])
def test_decimal_commas_are_read_and_counted(mark, fleet, expected, params_for, folder):
    fleet.to_csv(folder / "t.csv", index=False, sep=mark, decimal=",")
    got = prepare(params_for(folder))
    pd.testing.assert_frame_equal(got.telemetry, expected)
    assert faults(got)["decimal_comma"] == 48
    assert got.quality["columns"]["cpu_percent"]["decimal_commas"] == 12


@pytest.mark.parametrize(
    ("decimal", "text", "number"),
    [
        ("auto", "3,14", 3.14), ("auto", "0,125", 0.125), ("auto", "12,5", 12.5), ("auto", ",5", 0.5),
        ("auto", "1,234", None), ("auto", "1,234.5", 1234.5), ("auto", "1.234,5", 1234.5),
        ("auto", "1,234,567", 1234567), ("auto", "1.234", 1.234), ("auto", "3,1,4", None),
        ("point", "1,234", 1234), ("point", "3,14", None), ("point", "1,234.5", 1234.5),
        ("comma", "1,234", 1.234), ("comma", "1.234", 1234), ("comma", "12.5", 12.5),
        ("comma", "1.234.567,25", 1234567.25), ("comma", "1,234.5", None), ("comma", "2,5e1", 25),
    ],
)  # fmt: skip
def test_a_comma_in_a_number_means_what_the_params_say(decimal, text, number, params_for, folder):
    rows = [f'a,2025-01-06T00:{5 * i:02d}:00Z,{i},{i},{i},"{value}"' for i, value in enumerate([text, "0"])]
    (folder / "t.csv").write_text(HEADER + "\n".join(rows) + "\n")
    params = params_for(folder, decimal=decimal)
    if number is None:
        with pytest.raises(HostcastError) as caught:
            prepare(params)
        assert (caught.value.column, caught.value.row) == ("load_average", 1)
        ambiguous = decimal == "auto" and text == "1,234"
        assert ("prepare.decimal" in caught.value.remedy) == ambiguous
    else:
        assert prepare(params).telemetry["load_average"].iloc[0] == np.float32(number)


def test_a_column_that_some_files_lack_is_missing_in_their_rows(fleet, params_for, folder):
    fleet.iloc[:6].to_csv(folder / "a.csv", index=False)
    fleet.iloc[6:].drop(columns="disk_percent").to_parquet(folder / "b.parquet")
    got = prepare(params_for(folder))
    web = got.telemetry[got.telemetry["server"] == "web-1"]
    assert web["disk_percent"].isna().all() and web["cpu_percent"].notna().all()
    assert [file["lacks"] for file in got.quality["files"]] == [[], ["disk_percent"]]
    assert faults(got)["column_lacking_in_file"] == 6
    assert got.quality["columns"]["disk_percent"]["missing_as_read"] == {"no such column": 6}


def test_a_column_that_all_files_lack_is_refused(fleet, params_for, folder):
    lacking = fleet.drop(columns="disk_percent")
    lacking.iloc[:6].to_csv(folder / "a.csv", index=False)
    lacking.iloc[6:].to_csv(folder / "b.csv", index=False)
    with pytest.raises(HostcastError, match=r"a\.csv, column disk_percent: .*'memory_percent'"):
        prepare(params_for(folder))


def test_a_column_may_go_by_several_names(fleet, expected, params_for, folder):
    fleet.iloc[:6].rename(columns={"cpu_percent": "cpu"}).to_csv(folder / "a.csv", index=False)
    fleet.iloc[6:].rename(columns={"cpu_percent": "cpu_pct"}).to_json(
        folder / "b.json", orient="records", date_format="iso"
    )
    columns = {"cpu_percent": ["cpu", "cpu_pct"]}
    got = prepare(params_for(folder, columns=columns))
    pd.testing.assert_frame_equal(got.telemetry, expected)
    assert got.quality["columns"]["cpu_percent"]["source_column"] == "cpu or cpu_pct"
    fleet.assign(cpu=1.0, cpu_pct=2.0).to_csv(folder / "c.csv", index=False)
    with pytest.raises(HostcastError, match=r"c\.csv, column cpu: is there beside 'cpu_pct'"):
        prepare(params_for(folder, columns=columns))


def damaged(folder, fleet) -> None:
    fleet.to_parquet(folder / "b.parquet")
    (folder / "b.parquet").write_bytes((folder / "b.parquet").read_bytes()[:-40])
    (folder / "c.csv").write_text(HEADER + "a,2025-01-06,1,2,3\n")
    (folder / "d.jsonl").write_text('{"server": "a"\n')
    (folder / "e.csv.gz").write_bytes(b"")
    (folder / "f.csv").write_text("host,time\na,1\n")
    (folder / "g.csv").write_text(HEADER + "a,2025-01-06,1,oops,3,4\n")


def test_one_bad_file_stops_everything_unless_it_may_be_skipped(fleet, expected, params_for, folder):
    fleet.to_csv(folder / "a.csv", index=False)
    damaged(folder, fleet.assign(server="bad"))
    with pytest.raises(HostcastError, match=r"b\.parquet: damaged"):
        prepare(params_for(folder))
    got = prepare(params_for(folder, on_bad_file="skip"))
    pd.testing.assert_frame_equal(got.telemetry, expected)
    assert faults(got)["skipped_file"] == len(got.quality["skipped_files"]) == 6
    reasons = " ".join(entry["reason"] for entry in got.quality["skipped_files"])
    for words in ("damaged", "row 1: has 5 field(s)", "broken JSON", "is empty", "no such column"):
        assert words in reasons
    assert "column memory_percent, row 1: 'oops' is not a number" in reasons
    assert [file["rows"] for file in got.quality["files"]] == [12] and got.quality["rows"]["read"] == 12


def test_when_every_file_is_bad_the_first_reason_is_told(fleet, params_for, folder):
    damaged(folder, fleet)
    with pytest.raises(HostcastError, match=r"b\.parquet: each of 6 file\(s\) was skipped.*damaged"):
        prepare(params_for(folder, on_bad_file="skip"))


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_nothing_is_left_of_a_large_file_whose_fault_comes_late(
    kind, fleet_of, params_for, folder, monkeypatch
):
    """Such a file is read block by block, and its first blocks have been put aside by then."""
    monkeypatch.setattr(blocks, "WHOLE_BYTES", 1000)
    monkeypatch.setattr(blocks, "BLOCK_ROWS", 100)
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 2000)
    monkeypatch.setattr(intake, "RUN_ROWS", 50)
    good = fleet_of(2, 60)
    good.iloc[:60].to_csv(folder / "a.csv", index=False)
    good.iloc[60:].to_csv(folder / "z.csv", index=False)
    expected = prepare(params_for(folder)).telemetry
    bad = fleet_of(3, 400).assign(server="bad")
    bad["timestamp"] = bad["timestamp"].astype(str)
    bad.loc[1199, "timestamp"] = "never"
    if kind == "csv":
        bad.to_csv(folder / "m.csv", index=False)
    else:
        bad.to_parquet(folder / "m.parquet", row_group_size=100)
    assert not formats.stretches_of(folder / f"m.{kind}")[0].whole
    got = prepare(params_for(folder, on_bad_file="skip"))
    pd.testing.assert_frame_equal(got.telemetry, expected)
    (entry,) = got.quality["skipped_files"]
    assert "row 1200: 'never' is not a timestamp" in entry["reason"]
    assert got.quality["rows"]["read"] == 120
    with pytest.raises(HostcastError, match=rf"m\.{kind}, column timestamp, row 1200"):
        prepare(params_for(folder))


def test_the_report_stays_json(fleet, params_for, folder):
    fleet.to_csv(folder / "a.csv", index=False)
    damaged(folder, fleet)
    got = prepare(params_for(folder, on_bad_file="skip"))
    json.dumps(got.quality, allow_nan=False)
