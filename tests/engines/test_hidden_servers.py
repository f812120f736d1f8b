"""Windows that are not told their server: in training alone, and the server's alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from fleet import scene
from hostcast.engines import Architecture, get_engine
from hostcast.training import Trained
from hostcast.windows import fit_inputs

with_each_engine = pytest.mark.parametrize("engine", ["fused", "reference"])
Train = Callable[..., Trained]


@with_each_engine
def test_a_share_of_windows_is_given_no_server_in_training_and_every_window_its_own_otherwise(
    engine: str,
) -> None:
    given = scene()
    spec = fit_inputs(given.table, given.roles, given.split, given.params)
    network = get_engine(engine).network(spec, Architecture.of(given.params.model))
    network.hide_servers(0.25)
    embeddings: Any = network.tft.input_embeddings.embeddings  # type: ignore[union-attr]
    codes = torch.randint(1, 4, (4000,), generator=torch.Generator().manual_seed(0))
    torch.manual_seed(1)
    server = embeddings["c_server"]
    roles = codes.clamp(max=2)
    network.train()
    made = server(codes)
    hidden = (made == server.weight[0]).all(dim=-1)
    assert 0.2 < hidden.float().mean() < 0.3
    assert torch.equal(made[~hidden], server.weight[codes[~hidden]])
    assert torch.equal(embeddings["c_role"](roles), embeddings["c_role"].weight[roles])
    network.eval()
    assert torch.equal(server(codes), server.weight[codes])


@with_each_engine
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_the_unknown_server_is_what_training_made_of_it_or_the_mean_of_the_known(
    train_in: Train, engine: str, share: float
) -> None:
    trained = train_in(scene({"train.engine": engine, "train.server_dropout": share}))
    embeddings: Any = trained.network.tft.input_embeddings.embeddings  # type: ignore[union-attr]
    server, role = embeddings["c_server"].weight, embeddings["c_role"].weight
    assert torch.equal(server[0], server[1:].mean(dim=0)) is (share == 0.0)
    assert torch.equal(role[0], role[1:].mean(dim=0))


def test_a_model_without_servers_as_an_input_has_none_to_hide(train_in: Train) -> None:
    trained = train_in(scene({"model.server_embedding": False, "train.server_dropout": 0.5}))
    assert "server" not in trained.spec.categories
