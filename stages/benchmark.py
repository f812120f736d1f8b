"""Stage benchmark: the engines side by side, and what each training feature costs and brings.

`python stages/benchmark.py --out FILE` measures the engines alone, without DVC or the pipeline's data; with
`--only data` it measures prepare, featurize and split instead, on fleets of up to 100 million rows.
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
from hostcast.errors import HostcastError
from hostcast.features import FeatureTable, read_roles
from hostcast.params import Params
from hostcast.splitting import read_split
from hostcast.stage import run_stage
from hostcast.training import require_current


def main(options: Options, params: Params) -> None:
    params = options.applied(params)
    if options.changes.get("only") == ["data"]:
        # it reads telemetry, for which measuring the engines needs no library
        from hostcast.benchmark.data import run_data, write_data_results

        if options.out is None:
            raise HostcastError(
                "--only data is no part of what the stage writes",
                remedy="name a file for it: --out data.json",
            )
        write_data_results(run_data(params), options.out, measured_commit())
        return
    if options.out is not None:
        keep = partial(write_results, path=options.out, commit=measured_commit())
        require_success(run_engines(params, options.given, save=keep))
        return
    features, roles = FeatureTable.open(paths.FEATURES), read_roles(paths.ROLES)
    split = read_split(paths.SPLIT, paths.WINDOWS)
    require_current(features, roles, split, params)
    engines = run_engines(params, options.given)
    require_success(engines)
    gains = run_gains(features, roles, split, params, progress=params.runtime.progress)
    write_benchmark(engines, gains)


if __name__ == "__main__":
    given = Options.read()
    work = partial(main, given)
    if given.out is None:
        sys.exit(run_stage("benchmark", work, metrics=[paths.BENCHMARK_METRICS]))
    sys.exit(run_stage("benchmark", work, restores=False, again="run the same command again"))
