"""Input that must not be passed over: the message names file, column, row and remedy."""

from __future__ import annotations

import base64
import gzip
import io
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from hostcast.errors import HostcastError
from hostcast.telemetry import prepare

HEADER = "server,timestamp,cpu_percent,memory_percent,disk_percent,load_average\n"
GOOD = "a,2025-01-06T00:00:00Z,1,2,3,4\na,2025-01-06T00:05:00Z,2,3,4,5\n"
RECORD = {
    "server": "a",
    "timestamp": "2025-01-06",
    "cpu_percent": 1,
    "memory_percent": 1,
    "disk_percent": 1,
    "load_average": 1,
}


@pytest.fixture
def fault(params_for, tmp_path):
    """Prepare one file of the given content and return the error."""

    def run(name: str, content: str | bytes, **prepare_params) -> HostcastError:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        with pytest.raises(HostcastError) as caught:
            prepare(params_for(path, **prepare_params))
        return caught.value

    return run


def test_text_in_a_metric_names_file_column_row_and_value(fault):
    error = fault("t.csv", HEADER + GOOD + "a,2025-01-06T00:10:00Z,1,abc,3,4\n")
    assert error.file.endswith("t.csv")
    assert (error.column, error.row) == ("memory_percent", 3)
    assert "'abc'" in error.problem


def test_the_source_name_of_a_mapped_column_is_named(fault):
    error = fault(
        "t.csv",
        HEADER.replace("cpu_percent", "cpu") + "a,2025-01-06,oops,2,3,4\n",
        columns={"cpu_percent": "cpu"},
    )
    assert error.column == "cpu"


@pytest.mark.parametrize(
    "stamp",
    [
        "yesterday",
        "now",
        "06/01/2025 00:00",
        "20250106",
        "202501061200",
        "2025-13-01",
        "12",
        # the rest of an offset, beside rows that have none
        "2025-01-06T00:1-000",
    ],
)
def test_an_unreadable_timestamp_names_its_row(stamp, fault):
    error = fault("t.csv", HEADER + GOOD + f"a,{stamp},1,2,3,4\n")
    assert (error.column, error.row) == ("timestamp", 3)
    assert stamp in error.problem and "ISO 8601" in error.remedy


@pytest.mark.parametrize(
    ("row", "column"),
    [
        (",2025-01-06,1,2,3,4", "server"),
        ("  ,2025-01-06,1,2,3,4", "server"),
        ("a,,1,2,3,4", "timestamp"),
        ("a,NaT,1,2,3,4", "timestamp"),
    ],
)
def test_a_missing_server_or_timestamp_names_its_row(row, column, fault):
    error = fault("t.csv", HEADER + GOOD + row + "\n")
    assert (error.column, error.row) == (column, 3)


def test_a_record_without_a_server_names_its_row(fault):
    rows = [RECORD] * 2
    lacking = {key: value for key, value in RECORD.items() if key != "server"}
    error = fault("t.jsonl", "\n".join(map(json.dumps, [*rows, lacking])))
    assert (error.column, error.row) == ("server", 3)


@pytest.mark.parametrize("row", ["a,2025-01-06T00:10:00Z,1,2,3", "a,2025-01-06T00:10:00Z,1,2,3,4,5", "a"])
@pytest.mark.parametrize("quoted", [False, True])
def test_a_row_with_too_few_or_too_many_fields_is_named(row, quoted, fault):
    good = GOOD.replace("a,", '"a",') if quoted else GOOD
    assert fault("t.csv", HEADER + good + row + "\n" + good).row == 3


def test_a_row_with_too_few_fields_is_found_beyond_the_first_block(fault):
    assert fault("t.csv", HEADER + GOOD * 60_000 + "a,1\n" + GOOD).row == 120_001


@pytest.mark.parametrize(
    "rest",
    [
        '"a,2025-01-06T00:10:00Z,1,2,3,4\n' + GOOD,
        # the quote that closes stands in the next row: two rows would pass for one
        '"a,2025-01-06T00:10:00Z,1,2,3,4\n"a",2025-01-06T00:15:00Z,1,2,3,4\n',
    ],
)
def test_an_unterminated_quote_is_named(rest, fault):
    error = fault("t.csv", HEADER + GOOD + rest)
    assert error.row == 3 and "quote" in error.problem


def test_a_column_named_twice_is_refused(fault):
    error = fault("t.csv", HEADER.replace("disk_percent", "cpu_percent") + GOOD)
    assert error.column == "cpu_percent" and "more than once" in error.problem


def test_a_key_that_stands_twice_in_a_record_is_refused(fault):
    assert "twice" in fault("t.jsonl", '{"server": "a", "server": "b"}').problem


def test_a_column_named_twice_in_parquet_is_refused(fault, tmp_path):
    table = pa.table([pa.array(["a"]), pa.array(["b"])], names=["server", "server"])
    pq.write_table(table, tmp_path / "twice.parquet")
    assert fault("t.parquet", (tmp_path / "twice.parquet").read_bytes()).column == "server"


@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonl", "json"])
def test_a_missing_column_names_those_that_are_there(kind, fault, fleet, tmp_path):
    lacking = fleet.drop(columns="disk_percent").assign(timestamp=fleet["timestamp"].astype(str))
    content = {
        "csv": lambda: lacking.to_csv(index=False).encode(),
        "parquet": lambda: lacking.to_parquet(),
        "jsonl": lambda: lacking.to_json(orient="records", lines=True).encode(),
        "json": lambda: lacking.to_json(orient="records").encode(),
    }[kind]()
    error = fault(f"t.{kind}", content)
    assert error.column == "disk_percent"
    assert "'memory_percent'" in error.problem and "prepare.columns" in error.remedy


@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "t.json", "t.jsonl", "t.csv.gz", "t.csv.zst"])
def test_an_empty_file_is_named(name, fault):
    assert fault(name, b"").file.endswith(name)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", HEADER),
        ("t.csv", '"server"' + HEADER[6:]),
        ("t.json", "[]"),
        ("t.jsonl", "\n\n"),
        ("t.csv.gz", gzip.compress(b"")),
    ],
)
def test_a_file_without_rows_is_named(name, content, fault):
    error = fault(name, content)
    assert error.file.endswith(name) and ("no rows" in error.problem or "empty" in error.problem)


def test_a_parquet_file_without_rows_is_named(fault, fleet):
    assert "no rows" in fault("t.parquet", fleet.iloc[:0].to_parquet()).problem


@pytest.mark.parametrize("cut", [3, 200, -1])
def test_truncated_parquet_is_named(cut, fault, fleet):
    error = fault("t.parquet", fleet.to_parquet()[:cut])
    assert "damaged" in error.problem and error.file.endswith("t.parquet")


def test_a_flipped_bit_in_parquet_is_noticed_by_its_checksum(fault, fleet, tmp_path):
    fleet.loc[3, "load_average"] = 12345.678
    fleet.to_parquet(
        tmp_path / "whole.parquet",
        compression="none",
        use_dictionary=False,
        write_page_checksum=True,
        write_statistics=False,
    )
    whole = (tmp_path / "whole.parquet").read_bytes()
    value = np.float64(12345.678).tobytes()
    assert whole.count(value) == 1
    error = fault("t.parquet", whole.replace(value, np.float64(12345.679).tobytes()))
    assert "damaged" in error.problem


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
@pytest.mark.parametrize(
    "damage", [lambda packed: packed[:-6], lambda packed: packed[:20], lambda packed: b"x" * 40]
)
def test_damaged_compression_is_named(pack, damage, fault):
    name = "t.csv.gz" if pack is gzip.compress else "t.csv.zst"
    error = fault(name, damage(pack((HEADER + GOOD * 50).encode())))
    assert "damaged or truncated" in error.problem


def test_broken_json_names_its_line(fault):
    assert "line 3" in fault("t.json", '[\n{"server": "a"},\n{"server": }]').problem
    error = fault("t.jsonl", '{"server": "a"}\n\n{"server": \n')
    assert "line 3" in error.problem and error.row == 2


def test_json_lines_named_json_are_hinted_at(fault):
    assert ".jsonl" in fault("t.json", '{"server": "a"}\n{"server": "b"}\n').remedy


@pytest.mark.parametrize(
    "content", ["7", '"text"', "[1, 2]", '{"server": 1}', '{"server": ["a"], "timestamp": []}', "[" * 100_000]
)
def test_json_of_another_shape_is_refused(content, fault):
    assert fault("t.json", content).file.endswith("t.json")


@pytest.mark.parametrize("value", [True, [1], {"a": 1}])
def test_a_json_value_of_a_wrong_type_names_its_row(value, fault):
    error = fault("t.json", json.dumps([RECORD, {**RECORD, "disk_percent": value}]))
    assert (error.column, error.row) == ("disk_percent", 2)


def test_a_parquet_column_of_a_wrong_type_is_named(fault, fleet):
    for column, values in (("cpu_percent", True), ("server", 1.5), ("timestamp", True)):
        assert fault("t.parquet", fleet.assign(**{column: values}).to_parquet()).column == column


def test_text_that_is_not_utf8_names_its_line(fault):
    error = fault("t.csv", (HEADER + GOOD).encode() + "höst,2025-01-06,1,2,3,4\n".encode("latin-1"))
    assert "UTF-8" in error.problem and "line 4" in error.problem


def test_a_folder_without_telemetry_is_refused(params_for, tmp_path):
    (tmp_path / "README.md").write_text("nothing here")
    with pytest.raises(HostcastError, match=r"no telemetry file; passed over: README\.md"):
        prepare(params_for(tmp_path))
    with pytest.raises(HostcastError, match="no such file"):
        prepare(params_for(tmp_path / "absent"))
    with pytest.raises(HostcastError, match="not a known telemetry format"):
        prepare(params_for(tmp_path / "README.md"))


def test_a_mapping_that_nothing_asks_for_is_refused(fault):
    assert "prepare.columns" in fault("t.csv", HEADER + GOOD, columns={"cpu": "cpu_percent"}).problem


def test_contradicting_static_values_name_the_server(fault, fleet):
    fleet["role"] = "web"
    fleet.loc[2, "role"] = "db"
    error = fault("t.csv", fleet.to_csv(index=False), static=["role"])
    assert error.column == "role" and "web-0" in error.problem and "'db', 'web'" in error.problem


def test_a_server_without_a_static_value_is_named(fault, fleet):
    fleet["role"] = "web"
    fleet.loc[fleet["server"] == "web-1", "role"] = ""
    assert "web-1" in fault("t.csv", fleet.to_csv(index=False), static=["role"]).problem


def test_a_target_constant_over_the_fleet_is_refused(fault, fleet):
    error = fault("t.csv", fleet.assign(disk_percent=40.0).to_csv(index=False))
    assert error.column == "disk_percent" and "40" in error.problem and error.file.endswith("t.csv")


def test_a_target_missing_everywhere_is_refused(fault, fleet):
    error = fault("t.csv", fleet.assign(disk_percent=None).to_csv(index=False))
    assert error.column == "disk_percent" and "no valid value" in error.problem


def test_data_coarser_than_the_grid_names_the_right_freq(fault, fleet_of):
    error = fault("t.csv", fleet_of(2, 20, "15min").to_csv(index=False))
    assert "base.freq: 15min" in error.remedy


def test_a_stray_timestamp_does_not_stretch_the_grid_over_decades(fault, fleet_of):
    frame = fleet_of(2, 200)
    frame.loc[0, "timestamp"] = pd.Timestamp("1970-01-01", tz="UTC")
    error = fault("t.csv", frame.to_csv(index=False))
    assert "web-0" in error.problem and "1970-01-01" in error.problem


def test_a_constant_target_says_what_was_discarded(fault):
    rows = "".join(f"a,2025-01-06T00:{5 * i:02d}:00Z,{-2 * i},{i},{i},{i}\n" for i in range(6))
    error = fault("t.csv", HEADER + rows)
    assert "the only valid value of the target is 0" in error.problem
    assert "5 values were outside prepare.ranges.cpu_percent; they count as missing" in error.problem


def test_a_target_of_nothing_but_huge_values_says_so(fault):
    rows = "".join(f"a,2025-01-06T00:{5 * i:02d}:00Z,{i},{i},{i},1e37\n" for i in range(6))
    error = fault("t.csv", HEADER + rows)
    assert "6 values were infinite or too large (beyond 1e+18)" in error.problem


def test_telemetry_that_is_not_there_tells_of_queued_experiments(params_for, tmp_path):
    with pytest.raises(HostcastError, match=r"queued or temporary experiment.*`dvc add` it first"):
        prepare(params_for(tmp_path / "none.csv"))


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("t.csv", b"PAR1....PAR1", "a Parquet file"),
        ("t.json", gzip.compress(b"[]"), "gzip data"),
        ("t.csv", zstandard.compress(b"a,b"), "zstd data"),
        ("t.parquet", "server".encode("utf-16"), "UTF-16 text"),
        ("t.csv.gz", b"\xfe\xff\x00{", "UTF-16 text"),
        ("t.parquet", gzip.compress(b"PAR1"), "gzip data"),
        ("t.csv.gz", gzip.compress(b"PAR1"), "a Parquet file"),
    ],
)
def test_a_file_of_another_format_than_its_name_says_is_recognised(name, content, what, fault):
    assert f"this is {what}" in fault(name, content).problem


@pytest.mark.parametrize(
    ("name", "content", "what", "remedy"),
    [
        ("t.csv", json.dumps([RECORD, RECORD]), "a JSON array", "name it .json"),
        ("t.jsonl", json.dumps([RECORD], indent=1), "a JSON array", "name it .json"),
        ("t.csv", json.dumps(RECORD) + "\n" + json.dumps(RECORD) + "\n", "JSON lines", "name it .jsonl"),
        ("t.csv", json.dumps({"server": ["a"]}, indent=1), "JSON", "name it .json"),
        ("t.json", HEADER + GOOD, "CSV text", "name it .csv"),
        ("t.jsonl", HEADER.replace(",", ";") + GOOD, "CSV text", "name it .csv"),
        ("t.json", '"server","timestamp"\n"a","2025-01-06"\n', "CSV text", "name it .csv"),
        ("t.parquet", HEADER + GOOD, "text and not the Parquet file", "name it .csv, .json or .jsonl"),
        ("t.csv.gz", HEADER + GOOD, "text and not the gzip data", "take the last ending off its name"),
        ("t.csv.zst", HEADER + GOOD, "text and not the zstd data", "take the last ending off its name"),
    ],
)
def test_text_of_another_format_than_its_name_says_gets_the_right_name(name, content, what, remedy, fault):
    error = fault(name, content)
    assert f"this is {what}" in error.problem and error.remedy == remedy


def test_a_quote_that_swallows_the_file_is_told_as_such(fault):
    rows = "a,2025-01-06T00:00:00Z,1,2,3,4\n" * 5000
    error = fault("t.csv", HEADER + 'a,"2025-01-06,1,2,3,4\n' + rows)
    assert "a quote is unbalanced" in error.problem and "field limit" not in error.problem


@pytest.mark.parametrize("name", ["t.json", "t.jsonl"])
def test_json_nested_beyond_reason_is_told_as_such(name, fault):
    assert "nested too deeply" in fault(name, "[" * 200_000 + "]" * 200_000).problem


@pytest.mark.parametrize("large", [False, True])
def test_a_damaged_time_zone_in_parquet_is_named(large, fault, monkeypatch):
    table = pa.table(
        {
            "server": ["a"],
            "timestamp": pa.array([0]).cast(pa.timestamp("us", "UTC")),
            **{name: [1.0] for name in ("cpu_percent", "memory_percent", "disk_percent", "load_average")},
        }
    )
    sink = io.BytesIO()
    pq.write_table(table, sink)
    whole = sink.getvalue()
    # where Arrow notes its types for itself
    noted = pq.read_metadata(io.BytesIO(whole)).metadata[b"ARROW:schema"]
    other = base64.b64encode(base64.b64decode(noted).replace(b"UTC", b"UT\xc3"))
    assert other != noted and whole.count(noted) == 1
    if large:
        monkeypatch.setattr("hostcast.telemetry.formats.blocks.WHOLE_BYTES", 0)
    error = fault("t.parquet", whole.replace(noted, other))
    assert "damaged" in error.problem and error.file.endswith("t.parquet")


@pytest.mark.parametrize("large", [False, True])
def test_a_column_name_in_parquet_that_is_no_text_is_named(large, fault, fleet, monkeypatch):
    whole = fleet.to_parquet()
    if large:
        monkeypatch.setattr("hostcast.telemetry.formats.blocks.WHOLE_BYTES", 0)
    error = fault("t.parquet", whole.replace(b"memory_percent", b"memory\xe3percent"))
    assert "damaged" in error.problem and error.file.endswith("t.parquet")
