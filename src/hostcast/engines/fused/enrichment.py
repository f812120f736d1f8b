"""What lies between the LSTM and attention."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from hostcast.engines.fused import kernels
from hostcast.engines.fused.folding import fold_grn
from hostcast.engines.fused.layers import Layers, native

__all__ = ["Enriched", "enrich", "parallel"]


@dataclass(frozen=True)
class Enriched:
    """What attention reads, and what the layers behind it do.

    Attributes:
        local: (windows, horizon, width), after the LSTM's gated skip connection.
        enriched: (windows, horizon, width), after static enrichment.
        query: (windows, horizon, heads, depth).
        key: (windows, history + horizon, heads, depth).
        value: (windows, history + horizon, depth), shared by the heads.
    """

    local: Tensor
    enriched: Tensor
    query: Tensor
    key: Tensor
    value: Tensor


def enrich(
    layers: Layers,
    tft: Any,
    past: tuple[Tensor, Tensor],
    future: tuple[Tensor, Tensor],
    context: Tensor,
    *,
    dropout: float,
) -> Enriched:
    """Gated skip connection, static enrichment, and attention's projections.

    Args:
        layers: to compute with.
        tft: pytorch-forecasting's model.
        past, future: what comes out of the LSTM and what went in, (windows, steps, width) each.
        context: (windows, width), the static context of enrichment.
        dropout: rate; 0 outside training.
    """
    gate, norm = tft.post_lstm_gate_encoder.fc, tft.post_lstm_add_norm_encoder.norm
    network = fold_grn(tft.static_enrichment)
    context = tft.static_enrichment.context(context)
    library = native(past[0])
    if library is not None and dropout == 0 and not torch.is_grad_enabled():
        network = network.without_dropout()
        attention = tft.multihead_attn
        projections = [*attention.k_layers, attention.v_layer, *attention.q_layers]
        parts = [gate.weight, gate.bias, norm.weight, norm.bias, network.packed()]
        parts += [layer.weight for layer in projections] + [layer.bias for layer in projections]
        heads, depth = len(attention.q_layers), attention.v_layer.out_features
        local, enriched, key, value, query = kernels.enrich(
            library,
            (past, future),
            context,
            torch.cat([part.flatten() for part in parts]),
            network.code,
            (heads * depth, depth, heads * depth),
        )
        query, key = (x.view(*x.shape[:-1], heads, depth) for x in (query, key))
        return Enriched(local, enriched, query, key, value)
    horizon = future[0].shape[1]
    out, skip = (torch.cat(pair, dim=1) for pair in zip(past, future, strict=True))
    local = layers.gated_skip(out, skip.to(out.dtype), gate, norm, dropout=dropout)
    enriched = layers.gated_residual(local, context, network, dropout=dropout)
    local, ahead = local[:, -horizon:], enriched[:, -horizon:]
    attention = tft.multihead_attn
    query, key = parallel(attention.q_layers, ahead), parallel(attention.k_layers, enriched)
    return Enriched(local, ahead, query, key, attention.v_layer(enriched))


def parallel(layers: Iterable[Any], x: Tensor) -> Tensor:
    """Linear layers of one shape on the same input, (..., layers, outputs), in one product."""
    weights, biases = zip(*((layer.weight, layer.bias) for layer in layers), strict=True)
    out = F.linear(x, torch.cat(weights), torch.cat(biases))
    return out.view(*out.shape[:-1], len(weights), -1)
