"""What lies behind attention."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hostcast.engines.fused import kernels
from hostcast.engines.fused.enrichment import Enriched, parallel
from hostcast.engines.fused.folding import fold_grn
from hostcast.engines.fused.layers import Layers, native

__all__ = ["decode"]


def decode(layers: Layers, tft: Any, heads: Tensor, stream: Enriched, *, dropout: float) -> Tensor:
    """Quantiles in window scale, (windows, horizon, targets, levels).

    Args:
        layers: to compute with.
        tft: pytorch-forecasting's model.
        heads: (windows, horizon, depth), the mean of attention's heads.
        stream: what attention read, and what goes round it.
        dropout: rate; 0 outside training.
    """
    output = tft.output_layer
    outputs: list[Any] = list(output) if isinstance(output, nn.ModuleList) else [output]
    first, last = tft.post_attn_gate_norm, tft.pre_output_gate_norm
    network = fold_grn(tft.pos_wise_ff)
    library = native(heads)
    if library is not None and dropout == 0 and not torch.is_grad_enabled():
        network = network.without_dropout()
        parts: list[Tensor] = [tft.multihead_attn.w_h.weight, *_gate(first), network.packed(), *_gate(last)]
        parts += [layer.weight for layer in outputs] + [layer.bias for layer in outputs]
        packed = torch.cat([part.flatten() for part in parts])
        count = sum(layer.out_features for layer in outputs)
        out = kernels.decode(library, heads, stream.enriched, stream.local, packed, network.code, count)
        return out.view(*out.shape[:-1], len(outputs), -1)
    attended = F.dropout(tft.multihead_attn.w_h(heads), dropout)
    out = layers.gated_skip(attended, stream.enriched, first.glu.fc, first.add_norm.norm, dropout=dropout)
    out = layers.gated_residual(out, None, network, dropout=dropout)
    out = layers.gated_skip(out, stream.local, last.glu.fc, last.add_norm.norm, dropout=0.0)
    return parallel(outputs, out)


def _gate(block: Any) -> list[Tensor]:
    glu, norm = block.glu.fc, block.add_norm.norm
    return [glu.weight, glu.bias, norm.weight, norm.bias]
