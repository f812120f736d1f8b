"""The layers of the Temporal Fusion Transformer, each by the fastest means the tensors' device has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hostcast.engines.fused import gpu, kernels, plain
from hostcast.engines.fused.folding import FoldedGrn, FoldedSelection
from hostcast.native import Kernels, load_kernels

__all__ = ["Layers", "native"]


class Layers:
    """C kernels on the CPU; on a GPU, and where there is no C compiler, torch operations and what `gpu` has.

    Args:
        compiled: let torch.compile fuse the torch operations of training, which takes a minute before
            the first step.
    """

    def __init__(self, *, compiled: bool = False) -> None:
        self._trained = {
            function: torch.compile(function, dynamic=False) if compiled else function
            for function in (plain.selection, plain.selection_weights, plain.grn, plain.gate)
        }

    def _torch(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return self._trained[function] if torch.is_grad_enabled() else function

    def select_variables(
        self, x: Tensor, context: Tensor | None, folded: FoldedSelection, *, dropout: float
    ) -> tuple[Tensor, Tensor]:
        """Encode each variable and mix them by their selection weights.

        Args:
            x: (windows, steps, variables).
            context: (windows, hidden) added before the joint network's ELU.
            folded: the networks.
            dropout: rate; 0 outside training.

        Returns:
            (windows, steps, width), and the weights, (windows, steps, variables), which carry no gradient
            where the C kernel computes them.
        """
        if dropout == 0 and not torch.is_grad_enabled():
            joint = None if folded.joint is None else folded.joint.without_dropout()
            folded = FoldedSelection(folded.single.without_dropout(), joint)
        library = native(x)
        if library is None:
            kernel = gpu.selection_kernel(x, folded.single)
            if kernel is not None:
                return self._weigh(kernel, x, context, folded, dropout)
            pair: tuple[Tensor, Tensor] = self._torch(plain.selection)(x, context, folded, dropout)
            return pair
        single, joint = folded.single, folded.joint
        packed = single.packed().flatten()
        if joint is not None:
            packed = torch.cat([joint.packed().flatten(), packed])
        hidden = 0 if joint is None else joint.first.shape[1]
        shape = (
            x.shape[-1], single.first.shape[1], single.gain.shape[1], hidden,
            single.code, 0 if joint is None else joint.code,
        )  # fmt: skip
        outputs: tuple[Tensor, Tensor] = kernels.selection(
            library, x, context, packed, shape, dropout, _seed(dropout)
        )
        return outputs

    def _weigh(
        self,
        kernel: Callable[..., Tensor],
        x: Tensor,
        context: Tensor | None,
        folded: FoldedSelection,
        dropout: float,
    ) -> tuple[Tensor, Tensor]:
        rows = x.flatten(0, 1)
        if folded.joint is None:
            weights = torch.ones_like(rows)
        else:
            weights = self._torch(plain.selection_weights)(x, context, folded.joint, dropout)
        out = kernel(rows, weights, folded.single, dropout, gpu.product_dtype(x))
        return out.unflatten(0, x.shape[:2]), weights.unflatten(0, x.shape[:2])

    def gated_residual(
        self, x: Tensor, context: Tensor | None, folded: FoldedGrn, *, dropout: float
    ) -> Tensor:
        """A gated residual network as wide as its input: (windows, steps, width) to the same.

        Args:
            context: (windows, width), added before the ELU.
        """
        library = native(x)
        out: Tensor
        if library is None:
            out = self._torch(plain.grn)(x, context, folded, dropout)
            return out
        out = kernels.grn(library, x, context, folded.packed().flatten(), dropout, _seed(dropout))
        return out

    def gated_skip(
        self, x: Tensor, skip: Tensor, glu: nn.Linear, norm: nn.LayerNorm, *, dropout: float
    ) -> Tensor:
        """norm(GLU(dropout(x)) + skip); x, skip and the result are (..., width)."""
        library = native(x)
        parts = (glu.weight, glu.bias, norm.weight, norm.bias)
        out: Tensor
        if library is None:
            out = self._torch(plain.gate)(x, skip, *parts, dropout)
            return out
        packed = torch.cat([part.flatten() for part in parts])
        out = kernels.gate(library, x, skip, packed, dropout, _seed(dropout))
        return out

    def attend(self, query: Tensor, key: Tensor, value: Tensor, lengths: Tensor | None) -> Tensor:
        """Attention of the horizon on the real steps of history and on the horizon's earlier steps.

        Args:
            query: (windows, horizon, heads, depth).
            key: (windows, history + horizon, heads, depth).
            value: (windows, history + horizon, depth), shared by the heads.
            lengths: (windows,) steps of history that are real, from the left; None = all.

        Returns:
            (windows, horizon, heads, depth).
        """
        library = native(query)
        if library is None:
            return plain.attention(query, key, value, lengths)
        out: Tensor = kernels.attention(library, query, key, value, lengths)
        return out

    def attend_mean(
        self, query: Tensor, key: Tensor, value: Tensor, lengths: Tensor | None, *, dropout: float
    ) -> Tensor:
        """The mean over heads of dropout(attend), (windows, horizon, depth)."""
        library = native(query)
        if library is not None and dropout == 0 and not torch.is_grad_enabled():
            return kernels.mean_attention(library, query, key, value, lengths)
        return F.dropout(self.attend(query, key, value, lengths), dropout).mean(dim=2)

    def recur(
        self, lstm: Any, x: Tensor, state: tuple[Tensor, Tensor], lengths: Tensor | None, *, dropout: float
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """An LSTM over the real steps of each window.

        Args:
            lstm: pytorch-forecasting's `LSTM`.
            x: (windows, steps, width).
            state: hidden and cell, (layers, windows, width) each.
            lengths: (windows,) steps that are real, from the left; None = all.
            dropout: rate between layers.

        Returns:
            (windows, steps, width), zero where a window has ended, and the state at its end.
        """
        library = native(x)
        if library is None and lengths is not None:
            out, state = lstm(x, state, lengths=lengths, enforce_sorted=False)
            return F.pad(out, (0, 0, 0, x.shape[1] - out.shape[1])), state
        ends = []
        for layer in range(lstm.num_layers):
            if layer > 0:
                x = F.dropout(x, dropout)
            weights = [
                getattr(lstm, f"{name}_l{layer}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            ]
            start = state[0][layer], state[1][layer]
            if library is None:
                x, *end = plain.lstm(x, start, *weights)
            else:
                packed = torch.cat([weight.flatten() for weight in weights])
                x, *end = kernels.lstm(library, x, *start, packed, lengths, torch.is_grad_enabled())
            ends.append(end)
        hidden, cell = zip(*ends, strict=True)
        return x, (torch.stack(hidden), torch.stack(cell))


def native(x: Tensor) -> Kernels | None:
    """The C kernels, where they can compute with a tensor."""
    return load_kernels() if x.device.type == "cpu" else None


def _seed(dropout: float) -> int:
    return int(torch.randint(2**31, ())) if dropout > 0 else 0
