"""Stage benchmark: the engines side by side, and what each training feature costs and brings.

`python stages/benchmark.py --out FILE` measures the engines alone, without DVC or the pipeline's data.
"""

import sys
from functools import partial

from hostcast import paths
from hostcast.benchmark import (
    Options,
    measured_commit,
    require_success,
    run_engines,
    run_gains,
    write_benchmark,
    write_results,
)
from hostcast.features import FeatureTable, read_roles
from hostcast.params import Params
from hostcast.splitting import read_split
from hostcast.stage import run_stage


def main(options: Options, params: Params) -> None:
    params = options.applied(params)
    keep = None if options.out is None else partial(write_results, path=options.out, commit=measured_commit())
    engines = run_engines(params, options.given, save=keep)
    require_success(engines)
    if options.out is not None:
        return
    gains = run_gains(
        FeatureTable.open(paths.FEATURES),
        read_roles(paths.ROLES),
        read_split(paths.SPLIT, paths.WINDOWS),
        params,
        progress=params.runtime.progress,
    )
    write_benchmark(engines, gains)


if __name__ == "__main__":
    given = Options.read()
    outputs = [] if given.out else [paths.BENCHMARK_METRICS]
    work = partial(main, given)
    sys.exit(run_stage("benchmark", work, metrics=outputs, restores=given.out is None))
