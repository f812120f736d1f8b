"""Stage featurize: model inputs that look at nothing ahead, and each column's role."""

import sys

from hostcast import paths
from hostcast.features import featurize_into, write_roles
from hostcast.params import Params
from hostcast.stage import run_stage
from hostcast.state import state_folder


def main(params: Params) -> None:
    schema = featurize_into(paths.FEATURES, paths.PREPARED, params, kept=state_folder() / "featurize")
    write_roles(schema, paths.ROLES)


if __name__ == "__main__":
    sys.exit(run_stage("featurize", main))
