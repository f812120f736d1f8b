"""Stage featurize: model inputs that look at nothing ahead, and each column's role."""

import sys

import pandas as pd

from hostcast import paths
from hostcast.features import featurize, write_roles
from hostcast.files import write_parquet
from hostcast.params import Params
from hostcast.stage import run_stage


def main(params: Params) -> None:
    features = featurize(pd.read_parquet(paths.PREPARED), params)
    write_parquet(paths.FEATURES, features.frame)
    write_roles(features.schema, paths.ROLES)


if __name__ == "__main__":
    sys.exit(run_stage("featurize", main))
