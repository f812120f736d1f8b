"""What a GPU computes by kernels of its own is what torch computes of the same layers in float64.

On a machine without a GPU the same holds of the CPU's layers; where Triton is installed, TRITON_INTERPRET=1
has its interpreter compute the GPU's kernels there.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
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
from torch import Tensor

from hostcast.engines.fused import gpu, layers, plain
from hostcast.engines.fused.folding import SKIP_AFFINE, SKIP_NORMED, FoldedSelection
from hostcast.engines.fused.layers import Layers

LAYERS = Layers()

# whatever this machine has
DEVICES = ["cpu"]
if torch.cuda.is_available():
    DEVICES.append("cuda")
if os.environ.get("TRITON_INTERPRET") == "1" and importlib.util.find_spec("triton") is not None:
    DEVICES.append("interpreted")


@pytest.fixture(params=DEVICES)
def device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where the layers compute."""
    if request.param != "interpreted":
        return str(request.param)
    from hostcast.engines.fused import triton_selection

    monkeypatch.setattr(layers, "native", lambda x: None)
    monkeypatch.setattr(gpu, "selection_kernel", lambda *_: triton_selection.selection)
    return "cpu"


def on(device: str, folded: FoldedSelection, make: Callable[[Tensor], Tensor] = leaf) -> FoldedSelection:
    """Networks whose gradients are wanted, there."""
    moved: FoldedSelection = changed(folded, lambda tensor: make(tensor.to(device)))
    return moved


@pytest.mark.parametrize("size", [(1, 1), (7, 11), (2, 70)])
@pytest.mark.parametrize("variables", [1, 4, 10])
@pytest.mark.parametrize(
    ("hidden", "width", "skip"),
    [(16, 32, SKIP_NORMED), (32, 32, SKIP_AFFINE), (64, 64, SKIP_AFFINE), (8, 16, SKIP_NORMED)],
)
def test_selection(
    device: str, size: tuple[int, int], variables: int, hidden: int, width: int, skip: int
) -> None:
    torch.manual_seed(0)
    windows, steps = size
    folded = made_selection(variables, hidden, width, 5, skip, SKIP_NORMED)
    x, down = torch.randn(windows, steps, variables), torch.randn(windows, steps, width)
    context = torch.randn(windows, 5) if variables > 1 else None
    one, exact = on(device, folded), on("cpu", folded, exact_leaf)
    given = None if context is None else leaf(context.to(device))
    true_given = None if context is None else exact_leaf(context)
    out, weights = LAYERS.select_variables(x.to(device), given, one, dropout=0.0)
    true, true_weights = plain.selection(x.double(), true_given, exact, 0.0)
    assert_near([out.cpu(), weights.cpu()], [true, true_weights])
    found = gradients([out], [down.to(device)], [*tensors_of(one), *([] if given is None else [given])])
    leaves = [*tensors_of(exact), *([] if true_given is None else [true_given])]
    assert_near([gradient.cpu() for gradient in found], gradients([true], [down], leaves), 3e-5)
    with torch.no_grad():
        alone = LAYERS.select_variables(x.to(device), given, one, dropout=0.0)
    assert_near([part.cpu() for part in alone], [true, true_weights])


def test_selection_drops_and_its_gradients_know_what(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    windows, steps, variables, rate = 3, 11, 3, 0.4
    folded = made_selection(variables, 16, 16, 3, SKIP_NORMED, SKIP_NORMED)
    x, down = torch.randn(windows, steps, variables), torch.randn(windows, steps, 16)
    one, exact = on(device, folded), on("cpu", folded, exact_leaf)

    def compute() -> Tensor:
        torch.manual_seed(7)
        return LAYERS.select_variables(x.to(device), None, one, dropout=rate)[0].cpu()

    assert one.joint is not None
    biases = [one.single.second_bias, one.joint.second_bias]
    masks = [mask.cpu() for mask in bias_masks(compute, biases, windows * steps, 16, steps)]
    share = torch.cat([mask.flatten() for mask in masks]).double().mean()
    assert share == pytest.approx(1 - rate, abs=0.06)
    out = compute()
    found = gradients([out], [down], tensors_of(one))
    monkeypatch.setattr(F, "dropout", Masked(masks))
    true, _ = plain.selection(x.double(), None, exact, rate)
    assert_near([out], [true])
    assert_near([gradient.cpu() for gradient in found], gradients([true], [down], tensors_of(exact)), 3e-5)


def test_selection_drops_other_values_every_time(device: str) -> None:
    torch.manual_seed(0)
    folded = on(device, made_selection(2, 16, 16, 2, SKIP_AFFINE, SKIP_NORMED))
    x = torch.randn(3, 9, 2).to(device)
    first, second = (LAYERS.select_variables(x, None, folded, dropout=0.3)[0] for _ in range(2))
    assert not torch.equal(first, second)


@pytest.mark.parametrize("size", [(1, 1), (3, 7), (64, 32)])
def test_the_recurrence_with_its_products_outside_is_the_lstm(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    windows, steps = size
    width, inner = 5, 4
    shapes = [(windows, steps, width), (1, windows, inner), (1, windows, inner)]
    shapes += [(4 * inner, width), (4 * inner, inner), (4 * inner,)]
    x, hidden, cell, *weights = leaves = [exact_leaf(torch.randn(shape)) for shape in shapes]
    found = plain.recurrence(x, (hidden, cell), *weights)
    lstm: Any = torch._VF.lstm  # type: ignore[attr-defined]
    zero = torch.zeros(4 * inner, dtype=torch.double)
    true = lstm(x, (hidden, cell), [*weights, zero], True, 1, 0.0, True, False, True)
    assert_near(found, true)
    down = [torch.randn_like(part) for part in true]
    assert_near(gradients(found, down, leaves), gradients(true, down, leaves))


@pytest.mark.parametrize(
    ("hidden", "width", "dtype", "hopper", "fits"),
    [
        (16, 32, torch.float32, False, True),
        (64, 64, torch.float32, True, True),
        (64, 64, torch.float32, False, False),
        (128, 128, torch.bfloat16, True, True),
        (128, 128, torch.float32, True, False),
        (8, 16, torch.float32, True, True),
        (48, 48, torch.float32, True, False),
    ],
)
def test_networks_too_wide_for_a_gpu_or_of_no_power_of_two_are_torchs(
    hidden: int,
    width: int,
    dtype: torch.dtype,
    hopper: bool,
    fits: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (9, 0) if hopper else (8, 6))
    net = made_grn(2, 1, hidden, width, SKIP_AFFINE)
    assert gpu._fits(net, dtype, torch.device("cuda")) is fits


def test_the_cpu_has_no_use_for_a_gpus_kernel() -> None:
    assert gpu.selection_kernel(torch.randn(3, 2), made_grn(2, 1, 16, 16, SKIP_AFFINE)) is None
