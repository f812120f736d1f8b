"""Stage benchmark: what each training feature costs and brings on this machine."""

import sys

from hostcast import paths
from hostcast.benchmark import run_gains, write_benchmark
from hostcast.features import FeatureTable, read_roles
from hostcast.params import Params
from hostcast.splitting import read_split
from hostcast.stage import run_stage


def main(params: Params) -> None:
    result = run_gains(
        FeatureTable.open(paths.FEATURES),
        read_roles(paths.ROLES),
        read_split(paths.SPLIT, paths.WINDOWS),
        params,
        progress=params.runtime.progress,
    )
    write_benchmark(result)


if __name__ == "__main__":
    sys.exit(run_stage("benchmark", main, metrics=[paths.BENCHMARK_METRICS]))
