"""The fused engine's loader draws the windows that the reference's draws, alone or in shards."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from windows_of import INPUTS, assert_same_windows, spec_of

from fleet import ENCODER, Scene, scene
from hostcast.engines import LoaderOptions, get_engine
from hostcast.engines.fused import loader as fused_loader
from hostcast.windows import Batch

ENGINE = get_engine("fused")


def loader_of(
    given: Scene, engine: str = "fused", *, options: LoaderOptions | None = None, **asked: Any
) -> Any:
    source = get_engine(engine).source(given.table, spec_of(given))
    cutoffs = asked.pop("cutoffs", None)
    return source.loader(
        given.split.cutoffs("train") if cutoffs is None else cutoffs,
        **{"batch_size": 16, "options": options or LoaderOptions(), **asked},
    )


def unpacked(loader: Any, given: Scene) -> list[Batch]:
    return [ENGINE.unpack(raw, spec_of(given)) for raw in loader]


def assert_equal(one: list[Batch], other: list[Batch]) -> None:
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        assert all(torch.equal(a.inputs[name], b.inputs[name]) for name in INPUTS)
        assert all(
            torch.equal(getattr(a, n), getattr(b, n)) for n in ("target", "observed", "center", "spread")
        )


def joined(parts: list[Batch]) -> Batch:
    inputs = {name: torch.cat([part.inputs[name] for part in parts]) for name in INPUTS}
    names = ("target", "observed", "center", "spread")
    return Batch(inputs, *(torch.cat([getattr(part, name) for part in parts]) for name in names))


@pytest.mark.parametrize("per_epoch", [None, 40, 500])
def test_every_epoch_draws_the_references_windows_in_its_order(per_epoch: int | None) -> None:
    given = scene()
    spec = spec_of(given)
    asked = {"windows_per_epoch": per_epoch, "seed": 3}
    fused, reference = loader_of(given, **asked), loader_of(given, "reference", **asked)
    targets = []
    for epoch in (0, 1, 5):
        fused.sampler.set_epoch(epoch)
        reference.sampler.set_epoch(epoch)
        targets.append(torch.cat([ENGINE.unpack(raw, spec).target for raw in fused]))
        expected = [get_engine("reference").unpack(raw, spec).target for raw in reference]
        torch.testing.assert_close(targets[-1], torch.cat(expected), rtol=1e-6, atol=1e-6)
    assert not torch.equal(targets[0], targets[1])


@pytest.mark.parametrize(
    ("batch_size", "per_epoch", "sizes"), [(16, 40, [16, 16]), (16, 5, [5]), (16, 32, [16, 16])]
)
def test_the_training_loader_drops_the_broken_batch_unless_it_is_the_only_one(
    batch_size: int, per_epoch: int, sizes: list[int]
) -> None:
    given = scene()
    loader = loader_of(given, batch_size=batch_size, windows_per_epoch=per_epoch, seed=1)
    assert [batch.size for batch in unpacked(loader, given)] == sizes
    assert len(loader) == len(sizes)


def test_without_a_seed_every_window_comes_once_and_in_order() -> None:
    given = scene()
    cutoffs = given.split.cutoffs("test").head(19)
    loader = loader_of(given, cutoffs=cutoffs, batch_size=8)
    assert loader.sampler is None
    assert [batch.size for batch in unpacked(loader, given)] == [8, 8, 3]
    assert len(loader) == 3
    assert_equal(unpacked(loader, given), unpacked(loader, given))


@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize("seed", [None, 4])
def test_shards_share_every_batch_between_them(count: int, seed: int | None) -> None:
    given = scene({"split.min_encoder_length": 3})
    whole = unpacked(loader_of(given, seed=seed), given)
    shards = [
        unpacked(loader_of(given, seed=seed, options=LoaderOptions(shard=(number, count))), given)
        for number in range(count)
    ]
    assert_equal(whole, [joined(list(parts)) for parts in zip(*shards, strict=True)])
    sizes = [shard[0].size for shard in shards]
    assert sum(sizes) == 16 and max(sizes) - min(sizes) <= 1


def test_a_shard_without_a_window_in_the_last_batch_still_has_that_batch() -> None:
    given = scene()
    cutoffs = given.split.cutoffs("test").head(17)
    shard = unpacked(loader_of(given, cutoffs=cutoffs, options=LoaderOptions(shard=(0, 2))), given)
    assert [batch.size for batch in shard] == [8, 0]


def test_neither_workers_nor_the_way_batches_are_grouped_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    given = scene({"split.min_encoder_length": 3})
    whole = unpacked(loader_of(given, seed=2), given)
    options = LoaderOptions(num_workers=2, persistent_workers=True)
    assert_equal(whole, unpacked(loader_of(given, seed=2, options=options), given))
    monkeypatch.setattr(fused_loader, "CHUNK_BYTES", 1)
    assert_equal(whole, unpacked(loader_of(given, seed=2), given))


@pytest.mark.parametrize("engine", ["fused", "reference"])
@pytest.mark.parametrize(
    ("server", "position"), [("web-0", ENCODER - 2), ("web-0", 117), ("web-0", 500), ("nobody", 30)]
)
def test_a_cutoff_without_room_for_a_window_is_refused_by_name(
    engine: str, server: str, position: int
) -> None:
    given = scene()
    cutoffs = pd.DataFrame({"server": ["web-1", server], "position": [30, position]})
    with pytest.raises(ValueError, match=f"1 cutoffs have no window, e.g. row {position} of '{server}'"):
        loader_of(given, engine, cutoffs=cutoffs)


class Recorder(LightningModule):
    """Notes the windows of each epoch instead of training."""

    def __init__(self, given: Scene) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.given = given
        self.seen: dict[int, list[torch.Tensor]] = {}

    def training_step(self, raw: Any, batch_idx: int) -> torch.Tensor:
        batch = ENGINE.unpack(raw, spec_of(self.given))
        self.seen.setdefault(self.current_epoch, []).append(batch.target)
        return self.weight.sum()

    def validation_step(self, raw: Any, batch_idx: int) -> None:
        assert ENGINE.unpack(raw, spec_of(self.given)).size > 0

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def test_lightning_trains_each_epoch_on_its_own_windows() -> None:
    given = scene()
    loader = loader_of(given, windows_per_epoch=32, seed=3)
    module = Recorder(given)
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=3,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(module, loader, loader_of(given, cutoffs=given.split.cutoffs("validation")))
    assert trainer.global_step == 6
    expected = loader_of(given, windows_per_epoch=32, seed=3)
    for epoch in range(3):
        expected.sampler.set_epoch(epoch)
        drawn = [batch.target for batch in unpacked(expected, given)]
        assert all(torch.equal(*pair) for pair in zip(drawn, module.seen[epoch], strict=True))


def test_loaders_of_one_source_do_not_disturb_each_other() -> None:
    given = scene()
    spec = spec_of(given)
    source = ENGINE.source(given.table, spec)
    options = LoaderOptions()
    first = source.loader(given.split.cutoffs("train"), batch_size=16, options=options)
    before = unpacked(first, given)
    source.loader(given.split.cutoffs("test"), batch_size=16, options=options)
    for one, other in zip(before, unpacked(first, given), strict=True):
        assert_same_windows(one, other, spec)
