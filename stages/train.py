"""Stage train: the best model, and one for each fold; resumed where an interrupted run stopped."""

import sys

from hostcast import paths
from hostcast.account import reference_of, require_same_steps
from hostcast.features import FeatureTable, read_roles
from hostcast.files import write_json, write_text
from hostcast.model import save_model
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
    train_folds,
    train_model,
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
    folds = train_folds(features, roles, split, params, provenance, state_folder())
    state = RunState(state_folder(), run_key(provenance))
    model, trained = train_model(
        features, roles, split, params, state, provenance, TrainingFolders(paths.LIVE, paths.LOGS)
    )
    account = reference_of(
        paths.FEATURES,
        (split.refit() if params.train.refit else split).spans,
        roles.measured,
        progress=params.runtime.progress,
        held_out=split.held_out,
    )
    save_model(model, paths.MODEL, training_data=account.to_json())
    folds.write(paths.FOLD_MODELS)
    write_text(paths.HISTORY, trained.history.to_csv(index=False, lineterminator="\n"))
    # few, as `dvc exp show` has a column for each; the others are in model.json
    write_json(paths.TRAIN_METRICS, {name: trained.metrics[name] for name in ("val_loss", "best_epoch")})
    state.finish(paths.CHECKPOINTS)
    folds.finish()


if __name__ == "__main__":
    sys.exit(run_stage("train", main, metrics=[paths.TRAIN_METRICS], again=AGAIN))
