"""Stage split: training, validation and test spans, and the windows in each."""

import sys

from hostcast import paths
from hostcast.params import Params
from hostcast.splitting import split_of, write_split
from hostcast.stage import run_stage


def main(params: Params) -> None:
    write_split(split_of(paths.PREPARED, params), paths.SPLIT, paths.WINDOWS)


if __name__ == "__main__":
    sys.exit(run_stage("split", main))
