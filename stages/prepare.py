"""Stage prepare: telemetry, checked and on a regular grid."""

import sys

from hostcast import paths
from hostcast.files import write_json, write_parquet
from hostcast.params import Params
from hostcast.stage import run_stage
from hostcast.state import state_folder
from hostcast.telemetry import prepare_into


def main(params: Params) -> None:
    report = prepare_into(paths.PREPARED, params, kept=state_folder() / "prepare")
    # without DVC around it, the truth of an earlier simulation may still be there
    paths.SIMULATION_TRUTH.unlink(missing_ok=True)
    if report.noise_floor is not None:
        write_parquet(paths.SIMULATION_TRUTH, report.noise_floor)
    write_json(paths.QUALITY_REPORT, report.quality)


if __name__ == "__main__":
    sys.exit(run_stage("prepare", main))
