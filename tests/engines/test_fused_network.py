"""The fused network is the reference network: same parameters, same forecasts, same gradients, less work."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from networks_of import Computed, as_reference, computed, made_batch, made_network, made_spec
from torch import Tensor

from hostcast.engines import Architecture, Network, get_engine
from hostcast.windows import Batch, InputSpec


@pytest.fixture(autouse=True)
def _threads_as_before() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def sizes(
    hidden: int = 16, heads: int = 4, layers: int = 1, continuous: int = 8, dropout: float = 0.0
) -> Architecture:
    return Architecture(hidden, heads, layers, continuous, dropout)


def both(
    architecture: Architecture, spec: InputSpec, batch: Batch, *, seed: int = 0
) -> tuple[Computed, Computed]:
    """What the fused network computes, and what the reference."""
    return (
        computed(made_network("fused", spec, architecture, seed=seed), batch),
        computed(made_network("reference", spec, architecture, seed=seed), as_reference(batch, spec)),
    )


def assert_close(one: Tensor, other: Tensor, tolerance: float) -> None:
    assert one.shape == other.shape
    if other.numel():
        assert (one - other).abs().max() <= tolerance * other.abs().max()


def assert_same(fused: Computed, reference: Computed, tolerance: float = 1e-5) -> None:
    """Forecasts, losses, what the network looks at, and the gradient of every parameter."""
    assert_close(fused.out.quantiles, reference.out.quantiles, tolerance)
    assert_close(fused.loss, reference.loss, tolerance)
    assert_close(fused.out.static_weights, reference.out.static_weights, tolerance)
    assert_close(fused.out.decoder_weights, reference.out.decoder_weights, tolerance)
    lengths = fused.out.encoder_lengths
    assert torch.equal(lengths, reference.out.encoder_lengths)
    # what a padded step is given is nobody's business
    real = torch.arange(int(lengths.max())) < lengths[:, None]
    longest = real.shape[1]
    assert_close(fused.out.encoder_weights[:, :longest][real], reference.out.encoder_weights[real], tolerance)
    assert fused.gradients.keys() == reference.gradients.keys()
    largest = max(float(value.abs().max()) for value in reference.gradients.values() if value is not None)
    for name, true in reference.gradients.items():
        found = fused.gradients[name]
        assert (found is None) == (true is None), name
        if found is None or true is None:
            continue
        # the bias of a key moves all scores of a query alike: its true gradient is zero, and what is computed
        # is rounding; a norm over few numbers leaves nearly as little
        allowed = tolerance * float(true.abs().max()) + 2e-7 * largest
        off = float((found - true).abs().max())
        assert off <= allowed, f"{name}: off by {off:.1e} of {float(true.abs().max()):.1e}"


WIDE = {"targets": 4, "known": 4, "observed": 6, "categories": 1}
BARE = {"targets": 2, "known": 0, "observed": 0, "categories": 0}
CASES = [
    pytest.param(sizes(), {}, 33, id="as-usual"),
    pytest.param(sizes(8, 1, 1, 8), {}, 31, id="continuous-as-wide-as-hidden"),
    pytest.param(sizes(10, 2, 1, 13), {"targets": 1}, 1, id="continuous-wider-than-hidden"),
    pytest.param(sizes(33, 3, 2, 7), WIDE, 65, id="many-variables-and-two-layers"),
    pytest.param(sizes(40, 4, 2, 40), BARE, 33, id="nothing-known-ahead-and-no-category"),
    pytest.param(sizes(20, 4), {"targets": 3, "known": 0, "categories": 3}, 31, id="one-variable-ahead"),
    pytest.param(sizes(24, 1), {"observed": 0, "categories": 0}, 33, id="one-head"),
]


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("short", [False, True], ids=["full", "short"])
@pytest.mark.parametrize(("architecture", "inputs", "windows"), CASES)
def test_it_computes_what_the_reference_computes(
    architecture: Architecture, inputs: dict[str, int], windows: int, short: bool
) -> None:
    spec = made_spec(**inputs)
    batch = made_batch(spec, windows, short=short)
    fused, reference = both(architecture, spec, batch)
    assert_same(fused, reference)
    # what needs no gradient is folded further
    with torch.inference_mode():
        forecast = made_network("fused", spec, architecture).eval()(batch)
    assert_close(forecast.quantiles, reference.out.quantiles, 1e-5)
    assert_close(forecast.decoder_weights, reference.out.decoder_weights, 1e-5)


@pytest.mark.usefixtures("vectors")
def test_it_computes_so_on_vectors_of_any_width() -> None:
    spec, architecture = made_spec(**WIDE), sizes(33, 3, 2, 7)
    batch = made_batch(spec, 65, short=True)
    fused, reference = both(architecture, spec, batch)
    assert_same(fused, reference)
    with torch.inference_mode():
        forecast = made_network("fused", spec, architecture).eval()(batch)
    assert_close(forecast.quantiles, reference.out.quantiles, 1e-5)


@pytest.mark.usefixtures("way")
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    heads=st.integers(1, 4),
    depth=st.integers(2, 10),
    layers=st.integers(1, 2),
    continuous=st.integers(4, 45),
    inputs=st.fixed_dictionaries(
        {
            "targets": st.integers(1, 4),
            "known": st.sampled_from([0, 2, 3, 6]),
            "observed": st.integers(1, 4),
            "categories": st.sampled_from([0, 1, 3]),
        }
    ),
    windows=st.sampled_from([1, 31, 33, 65]),
    short=st.booleans(),
    seed=st.integers(0, 99),
)
def test_it_does_so_in_any_size(
    heads: int,
    depth: int,
    layers: int,
    continuous: int,
    inputs: dict[str, int],
    windows: int,
    short: bool,
    seed: int,
) -> None:
    spec = made_spec(**inputs)
    architecture = sizes(heads * max(depth, -(-8 // heads)), heads, layers, continuous)
    # with bad luck in the rounding of a small norm, 1e-5 is not enough between two float32 computations
    assert_same(*both(architecture, spec, made_batch(spec, windows, short=short, seed=seed), seed=seed), 3e-5)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("continuous", [1, 2, 16])
@pytest.mark.parametrize("inputs", [{"known": 1, "categories": 2}, {"known": 0, "targets": 1, "observed": 0}])
def test_it_follows_the_reference_where_norms_are_over_one_or_two_numbers(
    continuous: int, inputs: dict[str, int]
) -> None:
    # such a norm is a sign, and magnifies rounding where the sign changes: in the reference, too
    spec = made_spec(**inputs)
    fused, reference = both(sizes(continuous=continuous), spec, made_batch(spec, 33))
    assert_close(fused.out.quantiles, reference.out.quantiles, 1e-5)
    assert_same(fused, reference, 3e-4)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("short", [False, True])
def test_it_attends_where_the_reference_attends(short: bool) -> None:
    spec = made_spec()
    batch = made_batch(spec, 33, short=short)
    fused, reference = (made_network(engine, spec, sizes()).eval() for engine in ("fused", "reference"))
    with torch.inference_mode():
        one, other = fused(batch), reference(as_reference(batch, spec))
        fused.interpreting = False
        silent = fused(batch)
    assert other.encoder_attention is not None
    longest = other.encoder_attention.shape[-1]
    assert_close(one.encoder_attention[..., :longest], other.encoder_attention, 1e-5)
    assert (one.encoder_attention[..., longest:] == 0).all()
    assert silent.encoder_attention is None and torch.equal(silent.quantiles, one.quantiles)


def test_weights_load_both_ways_and_are_the_very_same_names() -> None:
    spec, architecture = made_spec(), sizes(dropout=0.1)
    batch = made_batch(spec, 7)
    fused, reference = (made_network(engine, spec, architecture, seed=1) for engine in ("fused", "reference"))
    others = [made_network(engine, spec, architecture, seed=2).eval() for engine in ("fused", "reference")]
    assert list(fused.state_dict()) == list(reference.state_dict())
    assert all(map(torch.equal, fused.state_dict().values(), reference.state_dict().values()))
    others[0].load_state_dict(reference.state_dict(), strict=True)
    others[1].load_state_dict(fused.state_dict(), strict=True)
    assert torch.equal(others[0](batch).quantiles, fused.eval()(batch).quantiles)
    given_ = as_reference(batch, spec)
    assert torch.equal(others[1](given_).quantiles, reference.eval()(given_).quantiles)


def test_fresh_weights_are_those_of_the_reference() -> None:
    spec, states = made_spec(), []
    for engine in ("fused", "reference"):
        torch.manual_seed(3)
        states.append(get_engine(engine).network(spec, sizes()).state_dict())
    assert all(map(torch.equal, states[0].values(), states[1].values()))


def test_an_unknown_category_is_settled_as_in_the_reference() -> None:
    fused, reference = (made_network(engine, made_spec(), sizes()) for engine in ("fused", "reference"))
    for network in (fused, reference):
        network.settle_unknown()
    assert all(map(torch.equal, fused.state_dict().values(), reference.state_dict().values()))


@pytest.mark.usefixtures("way")
def test_what_stands_behind_the_end_of_a_short_history_changes_nothing() -> None:
    spec = made_spec()
    batch = made_batch(spec, 33, short=True)
    network = made_network("fused", spec, sizes())
    plain = computed(network, batch)
    history = batch.inputs["history"]
    history[torch.arange(history.shape[1]) >= batch.inputs["lengths"][:, None]] = 123.0
    other = computed(network, batch)
    assert torch.equal(plain.out.quantiles, other.out.quantiles)
    assert_same(plain, other, 1e-6)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("part", ["history", "ahead"])
def test_a_value_that_is_no_number_spoils_its_own_window_and_shows(part: str) -> None:
    spec = made_spec()
    batch = made_batch(spec, 33)
    network = made_network("fused", spec, sizes()).eval()
    before = network(batch).quantiles
    batch.inputs[part][5, 2, 0] = float("nan")
    after = network(batch).quantiles
    assert after[5].isnan().any()
    rest = torch.arange(33) != 5
    assert torch.equal(after[rest], before[rest])
    assert computed(network, batch).loss.isnan()


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("short", [False, True])
def test_autocast_stays_near_float32(short: bool) -> None:
    spec = made_spec(**WIDE)
    batch = made_batch(spec, 33, short=short)
    network = made_network("fused", spec, sizes(32))
    full = computed(network, batch)
    network.zero_grad()
    with torch.autocast("cpu", torch.bfloat16):
        half = network(batch).quantiles
    assert half.dtype == torch.bfloat16
    assert_close(half.float(), full.out.quantiles, 0.03)
    ((half.float() - batch.target[..., None]) ** 2).mean().backward()
    for parameter in network.parameters():
        assert parameter.grad is None or (
            parameter.grad.dtype == torch.float32 and parameter.grad.isfinite().all()
        )


def dropped(network: Network, batch: Batch, seed: int) -> Computed:
    torch.manual_seed(seed)
    return computed(network.train(), batch)


def assert_equal(one: Computed, other: Computed) -> None:
    assert torch.equal(one.out.quantiles, other.out.quantiles)
    for name, gradient in one.gradients.items():
        found = other.gradients[name]
        assert (gradient is None and found is None) or torch.equal(gradient, found), name


def test_dropout_follows_torchs_seed_and_no_number_of_threads() -> None:
    spec = made_spec(**WIDE)
    batch = made_batch(spec, 65)
    network = made_network("fused", spec, sizes(layers=2, dropout=0.3))
    torch.set_num_threads(1)
    one = dropped(network, batch, 5)
    again = dropped(network, batch, 5)
    assert_equal(one, again)
    torch.set_num_threads(2)
    threaded = dropped(network, batch, 5)
    # what is left to torch may round otherwise on another number of threads, in its norms' gradients at least
    assert_same(one, threaded)
    assert torch.equal(one.out.quantiles, threaded.out.quantiles)
    assert not torch.equal(one.out.quantiles, dropped(network, batch, 6).out.quantiles)
    quiet = network.eval()(batch).quantiles
    torch.manual_seed(9)
    assert torch.equal(quiet, network(batch).quantiles)


@pytest.mark.usefixtures("way")
def test_it_drops_where_the_reference_drops() -> None:
    # at such a rate everything is dropped, so there is no chance in it
    spec = made_spec(**WIDE)
    batch = made_batch(spec, 17, short=True)
    dropping = sizes(12, 3, 2, 6, dropout=0.9999999)
    fused, reference = both(dropping, spec, batch)
    assert_same(fused, reference)
    quiet, _ = both(sizes(12, 3, 2, 6), spec, batch)
    assert not torch.allclose(fused.out.quantiles, quiet.out.quantiles, rtol=0.1)


@pytest.mark.parametrize("way", ["torch"], indirect=True)
def test_it_drops_as_many_values_as_the_reference(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # those that another dropout follows, too
    spec = made_spec(**WIDE)
    batch = made_batch(spec, 17)
    original, counted = F.dropout, []

    def counting(x: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
        counted.append(x.numel() if training and p > 0 else 0)
        return original(x, p, training, inplace)

    monkeypatch.setattr(F, "dropout", counting)
    totals = []
    for engine, given_ in (("fused", batch), ("reference", as_reference(batch, spec))):
        counted.clear()
        made_network(engine, spec, sizes(12, 3, dropout=0.1))(given_)
        totals.append(sum(counted))
    assert totals[0] == totals[1] > 0


def test_with_dropout_every_gradient_is_that_of_what_was_computed() -> None:
    # whatever a layer drops in its backward pass but not in its forward pass, finite differences tell
    spec = made_spec()
    batch = made_batch(spec, 33, short=True)
    network = made_network("fused", spec, sizes(12, 3, 2, 6, dropout=0.3))
    target = torch.randn(33, 5, 2, 3)

    def loss() -> Tensor:
        torch.manual_seed(4)
        # smooth, unlike the pinball loss
        return (network(batch).quantiles.double() - target).square().mean()

    loss().backward()
    step = 2e-3
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if parameter.grad is None:
                continue
            torch.manual_seed(1)
            direction = torch.randn_like(parameter) + parameter.grad.sign()
            kept = parameter.clone()
            parameter.copy_(kept + step * direction)
            above = loss()
            parameter.copy_(kept - step * direction)
            slope = float(above - loss()) / (2 * step)
            parameter.copy_(kept)
            expected = float((parameter.grad * direction).sum())
            assert slope == pytest.approx(expected, rel=0.02, abs=3e-5), name


def test_dropout_leaves_the_mean_forecast_where_it_is() -> None:
    spec = made_spec(categories=0)
    batch = made_batch(spec, 16)
    network = made_network("fused", spec, sizes(dropout=0.05))
    with torch.no_grad():
        quiet = network.eval()(batch).quantiles
        network.train()
        loud = torch.stack([network(batch).quantiles for _ in range(200)])
    spread = loud.std(dim=0).mean()
    assert spread > 0
    assert (loud.mean(dim=0) - quiet).abs().mean() < 0.3 * spread


@pytest.mark.parametrize("windows", [8, 37])
def test_servers_forecast_at_one_instant_share_what_is_known_ahead_and_nothing_else(
    vectors: str, windows: int
) -> None:
    spec = made_spec(**WIDE)
    batch = made_batch(spec, windows)
    known = len(spec.known) + 1
    for name in ("history", "ahead"):
        batch.inputs[name][:, :, :known] = batch.inputs[name][:1, :, :known].clone()
    fused, reference = (made_network(name, spec, sizes(33, 3)).eval() for name in ("fused", "reference"))
    with torch.no_grad():
        found, true = fused(batch), reference(as_reference(batch, spec))
        one_by_one = [
            fused(made_part(batch, place)).quantiles for place in range(windows)
        ]  # too few to share anything
    assert_close(found.quantiles, true.quantiles, 1e-5)
    assert_close(found.encoder_weights, true.encoder_weights, 1e-5)
    assert_close(found.quantiles, torch.cat(one_by_one), 1e-6)


def made_part(batch: Batch, place: int) -> Batch:
    return batch.part(place, place + 1, full=True)
