"""Stage train: the best model, resumed where an interrupted run stopped."""

import sys
from dataclasses import replace

from hostcast import paths
from hostcast.account import reference_of, require_same_steps
from hostcast.features import FeatureTable, read_roles
from hostcast.files import write_json, write_text
from hostcast.forecasting import calibrate
from hostcast.model import Model, save_model
from hostcast.params import Params
from hostcast.parts import INDEX
from hostcast.splitting import read_split
from hostcast.stage import run_stage
from hostcast.state import state_folder
from hostcast.training import (
    RunState,
    TrainingFolders,
    provenance_of,
    require_current,
    run_key,
    train,
)

# the index tells the digest of every part
INPUTS = (paths.FEATURES / INDEX, paths.ROLES, paths.SPLIT, paths.WINDOWS)
AGAIN = "run `dvc repro` again (training goes on from its last whole epoch)"


def main(params: Params) -> None:
    provenance = provenance_of(params, INPUTS)
    features, roles = FeatureTable.open(paths.FEATURES), read_roles(paths.ROLES)
    split = read_split(paths.SPLIT, paths.WINDOWS)
    require_current(features, roles, split, params)
    require_same_steps(paths.FEATURES, split.spans)
    state = RunState(state_folder(), run_key(provenance))
    trained = train(features, roles, split, params, state, TrainingFolders(paths.LIVE, paths.LOGS))
    account = reference_of(paths.FEATURES, split.spans, roles.measured, progress=params.runtime.progress)
    model = Model(
        trained.network,
        trained.spec,
        trained.architecture,
        params.train.engine,
        {"training": trained.metrics, **provenance},
    )
    held_out = split.cutoff_runs("validation").thinned(params.calibration.windows)
    calibration = calibrate(model, features, held_out, until=split.last_of_validation(), params=params)
    model = replace(model, calibration=calibration)
    save_model(model, paths.MODEL, training_data=account.to_json())
    write_text(paths.HISTORY, trained.history.to_csv(index=False, lineterminator="\n"))
    # few, as `dvc exp show` has a column for each; the others are in model.json
    write_json(paths.TRAIN_METRICS, {name: trained.metrics[name] for name in ("val_loss", "best_epoch")})
    state.finish(paths.CHECKPOINTS)


if __name__ == "__main__":
    sys.exit(run_stage("train", main, metrics=[paths.TRAIN_METRICS], again=AGAIN))
