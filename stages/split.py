"""Stage split: training, validation and test spans, and the windows in each."""

import sys

import pandas as pd

from hostcast import paths
from hostcast.params import Params
from hostcast.splitting import make_split, write_split
from hostcast.stage import run_stage


def main(params: Params) -> None:
    targets = params.base.target_metrics
    telemetry = pd.read_parquet(paths.PREPARED, columns=["server", "timestamp", *targets])
    split = make_split(telemetry, targets, params.split, params.base.step)
    write_split(split, paths.SPLIT, paths.WINDOWS)


if __name__ == "__main__":
    sys.exit(run_stage("split", main))
