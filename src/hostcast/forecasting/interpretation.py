"""What the network looked at: variable selection and attention, averaged over windows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch

from hostcast.windows import InputSpec, QuantileForecast

__all__ = ["Interpretation"]


class Interpretation:
    """Adds up selection weights and attention, batch by batch.

    Args:
        spec: names the variables.
    """

    def __init__(self, spec: InputSpec) -> None:
        self.spec = spec
        known = [*spec.known, "steps ahead"]
        self._names = {
            "static": list(spec.categories),
            "encoder": [*known, *spec.targets, *spec.observed],
            "decoder": known,
        }
        self._sums = {part: np.zeros(len(names)) for part, names in self._names.items()}
        self._attention = np.zeros(spec.encoder_length)

    def add(self, out: QuantileForecast) -> None:
        """Add a batch, which came with its attention."""
        assert out.encoder_attention is not None
        steps = torch.arange(out.encoder_weights.shape[1], device=out.encoder_weights.device)
        real = (steps < out.encoder_lengths[:, None]).double()  # (batch, encoder_length)
        encoder = (out.encoder_weights.double() * real[..., None]).sum(dim=1)
        encoder = encoder / out.encoder_lengths[:, None]
        self._sums["static"] += out.static_weights.double().sum(dim=0).cpu().numpy()
        self._sums["encoder"] += encoder.sum(dim=0).cpu().numpy()
        self._sums["decoder"] += out.decoder_weights.double().mean(dim=1).sum(dim=0).cpu().numpy()
        weight = out.encoder_attention.double().mean(dim=(1, 2))  # (batch, encoder_length)
        # histories are padded on the right: count back from each one's end
        back = out.encoder_lengths[:, None] - steps  # 1 = the last observed step
        kept = real > 0
        np.add.at(
            self._attention,
            (self.spec.encoder_length - back[kept]).cpu().numpy(),
            weight[kept].cpu().numpy(),
        )

    def importance(self) -> pd.DataFrame:
        """Share of each variable in its part: columns part, variable, importance."""
        rows = []
        for part, names in self._names.items():
            total = self._sums[part].sum()
            shares = self._sums[part] / total if total > 0 else self._sums[part]
            rows += [
                {"part": part, "variable": name, "importance": float(share)}
                for name, share in zip(names, shares, strict=True)
            ]
        return pd.DataFrame(rows)

    def attention(self) -> pd.DataFrame:
        """Share of attention on each step of history: columns position, weight."""
        total = self._attention.sum()
        weight = self._attention / total if total > 0 else self._attention
        return pd.DataFrame({"position": np.arange(-len(weight), 0), "weight": weight})
