"""The C kernels compute what torch computes of the same layers in float64, on vectors of any width."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from layers_of import (
    Masked,
    assert_near,
    bias_masks,
    changed,
    exact_leaf,
    gradients,
    leaf,
    made_grn,
    made_selection,
    tensors_of,
)
from torch import Tensor, nn

from hostcast.engines.fused import kernels, layers, plain
from hostcast.engines.fused.folding import SKIP_AFFINE, SKIP_INPUT, SKIP_NORMED
from hostcast.engines.fused.layers import Layers
from hostcast.native import run_kernel

pytestmark = pytest.mark.usefixtures("vectors")
few_examples = settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
LAYERS = Layers()


@pytest.fixture(autouse=True)
def _threads_as_before() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


# rows are taken 8 to 32 at a time, selection 256 at a time, in 8 pieces of whole windows
in_all_sizes = pytest.mark.parametrize(
    "size", [(1, 1), (1, 31), (2, 33), (9, 300), (31, 3), (65, 2), (17, 16)]
)
# a norm over two or three numbers is all rounding
widths = st.integers(4, 40)


@in_all_sizes
@few_examples
@given(
    variables=st.sampled_from([1, 4, 5, 8, 17]),
    m=st.integers(1, 20),
    o=widths,
    joint_m=st.integers(1, 9),
    skips=st.tuples(*[st.sampled_from([SKIP_AFFINE, SKIP_NORMED])] * 2),
    seen=st.booleans(),
)
def test_selection(
    size: tuple[int, int],
    variables: int,
    m: int,
    o: int,
    joint_m: int,
    skips: tuple[int, int],
    seen: bool,
) -> None:
    torch.manual_seed(0)
    windows, steps = size
    folded = made_selection(variables, m, o, joint_m, *skips)
    context = torch.randn(windows, joint_m) if seen and variables > 1 else None
    # as the decoder's columns are the first of more: rows lie apart
    x = torch.randn(windows, steps, variables)
    down = torch.randn(windows, steps, o)
    one, exact = changed(folded, leaf), changed(folded, exact_leaf)
    contexts = [None if context is None else make(context) for make in (leaf, exact_leaf)]
    out, weights = LAYERS.select_variables(x, contexts[0], one, dropout=0.0)
    true, true_weights = plain.selection(x.double(), contexts[1], exact, 0.0)
    assert_near([out, weights], [true, true_weights])
    leaves = [
        [*tensors_of(made), *([] if given_ is None else [given_])]
        for made, given_ in zip((one, exact), contexts, strict=True)
    ]
    assert_near(gradients([out], [down], leaves[0]), gradients([true], [down], leaves[1]), 3e-5)
    with torch.no_grad():
        assert_near(LAYERS.select_variables(x, contexts[0], one, dropout=0.0), [true, true_weights])


@pytest.mark.parametrize("slope", [2.0, 0.0, 2.0**-60])
def test_a_norm_that_magnifies_rounding_magnifies_none(slope: float) -> None:
    # a residual that all outputs share but for a factor vanishes for all of them at the same number
    torch.manual_seed(0)
    folded = made_selection(3, 4, 12, 3, SKIP_NORMED, SKIP_NORMED)
    factors = torch.randn(3, 12)
    shared = replace(folded.single, skip_map=slope * factors[..., None], skip_offset=4 * factors)
    folded = replace(folded, single=shared)
    x = -2.0 + 10.0 ** torch.linspace(-6, 0, 60).view(2, 10, 3) * torch.tensor([1.0, -1.0, 1.0])
    one, exact = changed(folded, leaf), changed(folded, exact_leaf)
    out, _ = LAYERS.select_variables(x, None, one, dropout=0.0)
    true, _ = plain.selection(x.double(), None, exact, 0.0)
    assert_near([out], [true])
    down = torch.randn_like(out)
    assert_near(gradients([out], [down], tensors_of(one)), gradients([true], [down], tensors_of(exact)), 1e-4)


@in_all_sizes
@few_examples
@given(width=widths, seen=st.booleans())
def test_gated_residual_network(size: tuple[int, int], width: int, seen: bool) -> None:
    torch.manual_seed(0)
    windows, steps = size
    folded = made_grn(1, width, width, width, SKIP_INPUT)
    x, down = torch.randn(windows, steps, width), torch.randn(windows, steps, width)
    context = torch.randn(windows, width)
    found = []
    for make, compute in ((leaf, LAYERS.gated_residual), (exact_leaf, plain_grn)):
        leaves = [make(x), *tensors_of(folded_ := changed(folded, make)), *([make(context)] if seen else [])]
        out = compute(leaves[0], leaves[-1] if seen else None, folded_, dropout=0.0)
        found.append([out, *gradients([out], [down], leaves)])
    assert_near(*found, 3e-5)


def plain_grn(x: Tensor, context: Tensor | None, folded: Any, *, dropout: float) -> Tensor:
    return plain.grn(x, context, folded, dropout)


@in_all_sizes
@few_examples
@given(width=widths)
def test_gated_skip(size: tuple[int, int], width: int) -> None:
    torch.manual_seed(0)
    x, skip, down = torch.randn(3, *size, width)
    glu, norm = nn.Linear(width, 2 * width), nn.LayerNorm(width)
    nn.init.normal_(norm.weight)
    parts = [glu.weight, glu.bias, norm.weight, norm.bias]
    x_, skip_ = leaf(x), leaf(skip)
    out = LAYERS.gated_skip(x_, skip_, glu, norm, dropout=0.0)
    exact = [exact_leaf(part) for part in (x, skip, *parts)]
    true = plain.gate(*exact, 0.0)
    assert_near([out], [true])
    assert_near(gradients([out], [down], [x_, skip_, *parts]), gradients([true], [down], exact), 3e-5)


@pytest.mark.parametrize("windows", [1, 9, 33])
@pytest.mark.parametrize("horizon", [1, 5, 33, 70])
@few_examples
@given(
    history=st.integers(1, 40),
    heads=st.integers(1, 4),
    depth=st.integers(1, 20),
    short=st.booleans(),
)
def test_attention(windows: int, history: int, horizon: int, heads: int, depth: int, short: bool) -> None:
    torch.manual_seed(0)
    steps = history + horizon
    lengths = torch.randint(1, history + 1, (windows,)) if short else None
    query = torch.randn(windows, horizon, heads, depth) / depth**0.5
    key, value = torch.randn(windows, steps, heads, depth), torch.randn(windows, steps, depth)
    down = torch.randn_like(query)
    found = []
    for make, compute in ((leaf, LAYERS.attend), (exact_leaf, plain.attention)):
        leaves = [make(tensor) for tensor in (query, key, value)]
        out = compute(*leaves, lengths)
        found.append([out, *gradients([out], [down], leaves)])
    assert_near(*found, 3e-5)
    with torch.no_grad():
        assert_near([LAYERS.attend_mean(query, key, value, lengths, dropout=0.0)], [found[1][0].mean(dim=2)])


def test_attention_to_a_single_key_neither_overflows_nor_blurs() -> None:
    torch.manual_seed(0)
    query, key, value = torch.randn(3, 4, 2, 5), torch.randn(3, 10, 2, 5), torch.randn(3, 10, 5)
    out = LAYERS.attend(1e4 * query, key, value, None)
    assert_near([out], [plain.attention(1e4 * query.double(), key.double(), value.double(), None)], 1e-3)
    assert all(bool((found == value[0]).all(dim=-1).any()) for found in out[0].flatten(0, 1))
    with torch.no_grad():
        assert_near([LAYERS.attend_mean(1e4 * query, key, value, None, dropout=0.0)], [out.mean(dim=2)])


@in_all_sizes
@few_examples
@given(
    width=st.integers(1, 40),
    inner=st.integers(1, 40),
    short=st.booleans(),
)
def test_recurrence(size: tuple[int, int], width: int, inner: int, short: bool) -> None:
    torch.manual_seed(0)
    windows, steps = size
    lengths = torch.randint(1, steps + 1, (windows,)) if short else None
    network = nn.LSTM(width, inner, batch_first=True)
    x, state = torch.randn(windows, steps, width), torch.randn(2, windows, inner)
    down = [torch.randn(windows, steps, inner), *torch.randn(2, 1, windows, inner)]
    leaves = [leaf(x), leaf(state[:1]), leaf(state[1:])]
    out, end = LAYERS.recur(network, leaves[0], (leaves[1], leaves[2]), lengths, dropout=0.0)
    found = gradients([out, *end], down, [*leaves, *network.parameters()])
    exact = [exact_leaf(part) for part in leaves]
    network.double()
    given_ = exact[0]
    if lengths is not None:
        given_ = nn.utils.rnn.pack_padded_sequence(given_, lengths, batch_first=True, enforce_sorted=False)
    true, true_end = network(given_, (exact[1], exact[2]))
    if lengths is not None:
        true, _ = nn.utils.rnn.pad_packed_sequence(true, batch_first=True, total_length=steps)
    assert_near([out, *end], [true, *true_end])
    assert_near(found, gradients([true, *true_end], down, [*exact, *network.parameters()]), 3e-5)
    if lengths is not None:
        assert (out[torch.arange(steps) >= lengths[:, None]] == 0).all()


@pytest.mark.parametrize("dropout", [0.0, 0.9999999])
def test_recurrence_in_layers_with_dropout_between_them(dropout: float) -> None:
    # at such a rate everything is dropped, so there is no chance in it
    torch.manual_seed(0)
    network = nn.LSTM(5, 7, num_layers=3, dropout=dropout, batch_first=True)
    x, state = torch.randn(33, 6, 5), torch.randn(2, 3, 33, 7)
    out, end = LAYERS.recur(network, x, (state[0], state[1]), None, dropout=dropout)
    true, true_end = network.double()(x.double(), (state[0].double(), state[1].double()))
    assert_near([out, *end], [true, *true_end])


def test_what_is_asked_without_gradients_is_the_same() -> None:
    torch.manual_seed(0)
    network, x, state = nn.LSTM(5, 7, batch_first=True), torch.randn(33, 6, 5), torch.randn(2, 1, 33, 7)
    out, _ = LAYERS.recur(network, x, (state[0], state[1]), None, dropout=0.0)
    with torch.inference_mode():
        again, _ = LAYERS.recur(network, x, (state[0], state[1]), None, dropout=0.0)
    assert torch.equal(out, again)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_value_that_is_no_number_is_not_made_one(bad: float) -> None:
    torch.manual_seed(0)
    x = torch.randn(3, 4, 5)
    x[1, 2, 3] = bad
    hit = torch.zeros(3, 4, dtype=torch.bool)
    hit[1, 2] = True
    selected, weights = LAYERS.select_variables(
        x, None, made_selection(5, 4, 6, 3, SKIP_NORMED, SKIP_NORMED), dropout=0.0
    )
    residual = LAYERS.gated_residual(x, None, made_grn(1, 5, 5, 5, SKIP_INPUT), dropout=0.0)
    skipped = LAYERS.gated_skip(x, torch.zeros_like(x), nn.Linear(5, 10), nn.LayerNorm(5), dropout=0.0)
    for out in (selected, weights, residual, skipped):
        assert torch.equal(out.isnan().all(dim=-1), hit) and torch.equal(out.isnan().any(dim=-1), hit)


def test_a_key_or_a_step_that_is_no_number_reaches_all_that_look_at_it() -> None:
    torch.manual_seed(0)
    query, key, value = torch.randn(3, 4, 2, 5), torch.randn(3, 10, 2, 5), torch.randn(3, 10, 5)
    for place in (0, 5):
        broken = key.clone()
        broken[1, place, 1] = float("nan")
        out = LAYERS.attend(query, broken, value, None)
        assert out[1, :, 1].isnan().all()
        assert not out[1, :, 0].isnan().any() and not out[[0, 2]].isnan().any()
    x = torch.randn(3, 6, 4)
    x[1, 3, 0] = float("nan")
    out, _ = LAYERS.recur(nn.LSTM(4, 5, batch_first=True), x, (torch.zeros(1, 3, 5),) * 2, None, dropout=0.0)
    assert out[1, 3:].isnan().all() and not out[1, :3].isnan().any() and not out[[0, 2]].isnan().any()


def test_no_number_of_threads_changes_a_bit_of_a_kernel() -> None:
    torch.manual_seed(0)
    x, skip, down = torch.randn(3, 37, 11, 8)
    selection, grn = made_selection(8, 5, 8, 6, SKIP_NORMED, SKIP_NORMED), made_grn(1, 8, 8, 8, SKIP_INPUT)
    glu, norm, network = nn.Linear(8, 16), nn.LayerNorm(8), nn.LSTM(8, 8, batch_first=True)
    found = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        torch.manual_seed(1)
        one, other, given_ = changed(selection, leaf), changed(grn, leaf), leaf(x)
        outputs = [
            LAYERS.select_variables(x, None, one, dropout=0.2)[0],
            LAYERS.gated_residual(given_, None, other, dropout=0.2),
            LAYERS.gated_skip(given_, skip, glu, norm, dropout=0.2),
            LAYERS.attend(given_[:, -4:, None], given_[:, :, None], given_, None)[:, :, 0],
            LAYERS.recur(network, given_, (torch.zeros(1, 37, 8),) * 2, None, dropout=0.0)[0],
        ]
        leaves = [given_, *tensors_of(one), *tensors_of(other)]
        leaves += [*glu.parameters(), *norm.parameters(), *network.parameters()]
        found.append([*outputs, *gradients(outputs, [down[:, -out.shape[1] :] for out in outputs], leaves)])
    for others in found[1:]:
        assert all(map(torch.equal, found[0], others))


def test_a_kernel_without_memory_is_an_error() -> None:
    with pytest.raises(MemoryError, match="no memory for its working space"):
        run_kernel(lambda chunk, first, last: 0, 5)


def gate_mask(rows: int, width: int, rate: float, seed: int) -> Tensor:
    """Which values the kernel of gated skips keeps: no gradient flows through the others."""
    torch.manual_seed(0)
    x, skip = leaf(torch.randn(rows, width)), torch.randn(rows, width)
    parts = [torch.randn(2 * width, width), torch.randn(2 * width), torch.ones(width), torch.zeros(width)]
    packed = torch.cat([part.flatten() for part in parts])
    out = kernels.gate(layers.load_kernels(), x, skip, packed, rate, seed)
    (found,) = gradients([out], [torch.randn(rows, width)], [x])
    mask = found != 0
    true = plain.gate(x.double() * mask / (1 - rate), skip.double(), *(part.double() for part in parts), 0.0)
    assert_near([out], [true])
    return mask


@pytest.mark.parametrize("rate", [0.1, 0.3, 0.5, 0.9])
def test_dropout_keeps_its_share_in_every_row_and_column_and_no_pattern(rate: float) -> None:
    rows, width = 1500, 40
    keep = 1 - rate
    deviation = (keep * rate) ** 0.5
    mask = gate_mask(rows, width, rate, seed=1).double()
    centered = (mask - keep) / deviation  # mean 0, variance 1
    assert centered.mean().abs() < 4 / (rows * width) ** 0.5
    # no row or column, of 1,540, is further off than five standard deviations
    assert centered.mean(dim=0).abs().max() < 5 / rows**0.5
    assert centered.mean(dim=1).abs().max() < 5 / width**0.5
    for apart in (1, 2, 8, 16):
        assert (centered[apart:] * centered[:-apart]).mean().abs() < 4 / (rows * width) ** 0.5
        assert (centered[:, apart:] * centered[:, :-apart]).mean().abs() < 5 / (rows * width) ** 0.5
    for seed in (2, 1 << 20):
        other = (gate_mask(rows, width, rate, seed).double() - keep) / deviation
        assert (centered * other).mean().abs() < 4 / (rows * width) ** 0.5


def test_selection_drops_and_its_gradients_know_what(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    windows, steps, variables, m, o, rate = 3, 13, 4, 6, 9, 0.4
    folded = made_selection(variables, m, o, 4, SKIP_NORMED, SKIP_NORMED)
    x, down = torch.randn(windows, steps, variables), torch.randn(windows, steps, o)
    one, exact = changed(folded, leaf), changed(folded, exact_leaf)

    def compute() -> Tensor:
        torch.manual_seed(7)
        return LAYERS.select_variables(x, None, one, dropout=rate)[0]

    biases = [one.single.second_bias, one.joint.second_bias]
    masks = bias_masks(compute, biases, windows * steps, o, steps)
    share = torch.cat([mask.flatten() for mask in masks]).double().mean()
    assert share == pytest.approx(1 - rate, abs=0.06)
    monkeypatch.setattr(F, "dropout", Masked(masks))
    true, _ = plain.selection(x.double(), None, exact, rate)
    out = compute()
    assert_near([out], [true])
    assert_near(gradients([out], [down], tensors_of(one)), gradients([true], [down], tensors_of(exact)), 3e-5)


def test_gated_residual_network_drops_and_its_gradients_know_what(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    windows, steps, width, rate = 3, 13, 9, 0.4
    folded = made_grn(1, width, width, width, SKIP_INPUT)
    (x, down), context = torch.randn(2, windows, steps, width), torch.randn(windows, width)
    one, exact = changed(folded, leaf), changed(folded, exact_leaf)
    leaves, exact_leaves = [leaf(x), leaf(context)], [exact_leaf(x), exact_leaf(context)]

    def compute() -> Tensor:
        torch.manual_seed(7)
        return LAYERS.gated_residual(*leaves, one, dropout=rate)

    masks = bias_masks(compute, [one.second_bias], windows * steps, width, steps)
    monkeypatch.setattr(F, "dropout", Masked(masks))
    true = plain.grn(*exact_leaves, exact, rate)
    out = compute()
    assert_near([out], [true])
    assert_near(
        gradients([out], [down], [*leaves, *tensors_of(one)]),
        gradients([true], [down], [*exact_leaves, *tensors_of(exact)]),
        3e-5,
    )
