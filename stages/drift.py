"""Stage drift: the training span as a reference, and how far what came after it has moved away."""

import sys

from hostcast import paths
from hostcast.account import reference_of, write_reference
from hostcast.drift import compare, recent_of
from hostcast.files import write_json
from hostcast.params import Params
from hostcast.splitting import read_split
from hostcast.stage import run_stage


def main(params: Params) -> None:
    spans = read_split(paths.SPLIT, paths.WINDOWS).spans
    reference = reference_of(paths.PREPARED, spans, params)
    write_reference(paths.DRIFT_REFERENCE, reference)
    recent = recent_of(paths.PREPARED, reference, params)
    write_json(paths.DRIFT_REPORT, compare(reference, recent, params.drift))


if __name__ == "__main__":
    sys.exit(run_stage("drift", main))
