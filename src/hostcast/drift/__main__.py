"""`python -m hostcast.drift`: is a model still fit for the telemetry that comes in?

Exits with 0 if it is, with 3 if it should be trained anew, and with 1 on an error.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
from pathlib import Path
from typing import Any

from hostcast import paths
from hostcast.account import read_reference, training_data_of
from hostcast.drift.comparison import compare
from hostcast.drift.recent import recent_of
from hostcast.errors import HostcastError
from hostcast.files import write_json
from hostcast.params import Params, parse_params
from hostcast.stage import run_stage
from hostcast.telemetry import prepare_into

__all__ = ["main"]

log = logging.getLogger("hostcast.drift")

RETRAIN = 3


def main(words: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    given = _parser().parse_args(words)
    reports: list[dict[str, Any]] = []

    def work(params: Params) -> None:
        report = _report(params, given.model, given.telemetry)
        if given.out is not None:
            write_json(given.out, report)
        for line in _lines(report):
            log.info("%s", line)
        reports.append(report)

    code = run_stage("drift", work, restores=False)
    return RETRAIN if code == 0 and reports[0]["retrain"] else code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m hostcast.drift",
        description="Hold newer telemetry against the data that a model was trained on. "
        "Exit code 3: train anew.",
    )
    parser.add_argument("--model", type=Path, default=paths.MODEL, help="model folder (%(default)s)")
    parser.add_argument(
        "--telemetry",
        help="file, folder or glob of new telemetry, read as section prepare of params.yaml says; "
        f"without it, what lies in {paths.PREPARED}",
    )
    parser.add_argument("--out", type=Path, help="write the whole report there, as JSON")
    return parser


def _report(params: Params, model: Path, telemetry: str | None) -> dict[str, Any]:
    reference = read_reference(training_data_of(model))
    if telemetry is None:
        return compare(reference, recent_of(paths.PREPARED, reference, params), params.drift)
    # new telemetry may be short: whether it is enough to learn from is not the question
    asked = {"source": "files", "path": telemetry, "min_rows": 1, "on_empty_server": "drop"}
    content = params.model_dump()
    params = parse_params({**content, "prepare": {**content["prepare"], **asked}})
    with tempfile.TemporaryDirectory(prefix="hostcast-drift-") as name:
        prepared = Path(name) / "telemetry"
        try:
            prepare_into(prepared, params)
            return compare(reference, recent_of(prepared, reference, params), params.drift)
        except HostcastError as error:
            # where it was prepared is gone by now
            raise HostcastError(
                error.problem,
                file=telemetry if error.file == str(prepared) else error.file,
                column=error.column,
                row=error.row,
                remedy=error.remedy.replace("prepare.path", "--telemetry"),
            ) from None


def _lines(report: dict[str, Any]) -> list[str]:
    recent, span = report["recent"], report["reference"]
    listed = [
        f"training span {span['first']} to {span['last']}, held against {recent['first']} to {recent['last']}"
    ]
    for name, column in report["columns"].items():
        index = "too few values" if column["psi"] is None else f"{column['psi']:.3f}"
        servers = f"{column['servers_drifted']} of {column['servers_compared']} servers changed"
        listed.append(f"{name}: PSI {index}, {servers}")
    for word, entries in (("reason", report["reasons"]), ("warning", report["warnings"])):
        listed += [
            f"{word}: {entry['text']} ({entry['value']:g}, limit {entry['limit']:g})" for entry in entries
        ]
    told = any(column["psi"] is not None for column in report["columns"].values())
    stays = "the model may stay" if told else "no values could be compared; no other reason to train anew"
    listed.append("train anew" if report["retrain"] else stays)
    return listed


if __name__ == "__main__":
    sys.exit(main())
