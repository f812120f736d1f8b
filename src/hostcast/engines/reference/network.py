"""pytorch-forecasting's `TemporalFusionTransformer`, unmodified, behind hostcast's network interface."""

from __future__ import annotations

import warnings

import torch
from pytorch_forecasting import TemporalFusionTransformer
from pytorch_forecasting.data import MultiNormalizer, TorchNormalizer
from pytorch_forecasting.metrics import MultiLoss, QuantileLoss
from torch import Tensor, nn

from hostcast.engines.base import Architecture, Network
from hostcast.engines.reference.dataset import RELATIVE_TIME
from hostcast.windows import Batch, InputSpec, QuantileForecast
from hostcast.windows.columns import column_name
from hostcast.windows.spec import SERVER

__all__ = ["ReferenceNetwork", "TftNetwork", "input_names"]


class TftNetwork(Network):
    """The parameters of pytorch-forecasting's Temporal Fusion Transformer.

    Args:
        spec: the inputs.
        architecture: the sizes.
        reals: names of the real inputs in the order of the batch's last axis.
    """

    def __init__(
        self,
        spec: InputSpec,
        architecture: Architecture,
        *,
        reals: list[str],
    ) -> None:
        super().__init__()
        with warnings.catch_warnings():
            # about its own hyper-parameters, which hostcast neither saves nor loads
            warnings.filterwarnings("ignore", message="Attribute '.*' is an instance of `nn.Module`")
            self.tft = _tft(spec, architecture, reals)
        self.dropout = architecture.dropout
        self._server = column_name("c", SERVER)
        self._hidden = 0.0

    def hide_servers(self, share: float) -> None:
        """See `Network.hide_servers`."""
        if self._server in self.tft.input_embeddings.embeddings:
            self._hidden = share
            self.tft.input_embeddings.embeddings[self._server].register_forward_pre_hook(_Hiding(share))

    def settle_unknown(self) -> None:
        """See `Network.settle_unknown`."""
        for name, embedding in self.tft.input_embeddings.embeddings.items():
            learned = name == self._server and self._hidden > 0
            with torch.no_grad():
                if len(embedding.weight) > 1 and not learned:
                    embedding.weight[0] = embedding.weight[1:].mean(dim=0)


class _Hiding:
    """A hook that gives codes of an embedding in training for unknown."""

    def __init__(self, share: float) -> None:
        self.share = share

    def __call__(self, module: nn.Module, given: tuple[Tensor]) -> tuple[Tensor] | None:
        (codes,) = given
        if not module.training:
            return None
        return (codes.masked_fill(torch.rand(codes.shape, device=codes.device) < self.share, 0),)


class ReferenceNetwork(TftNetwork):
    """The TFT of Lim et al. (2021), "Temporal Fusion Transformers for interpretable multi-horizon time
    series forecasting", as pytorch-forecasting implements it.

    It forecasts in window scale: bringing half-precision outputs to the targets' units inside the
    model would round a percentage to a quarter and overflow on a target counted in bytes.
    """

    def forward(self, batch: Batch) -> QuantileForecast:
        """See `Network.forward`."""
        windows, _, targets = batch.target.shape
        if self.tft.device != batch.target.device:
            # Lightning modules note their device only when they are moved themselves, not with a parent
            self.tft.to(batch.target.device)
        unscaled = batch.target.new_tensor([[0.0, 1.0]]).expand(windows, 2)
        inputs = {
            **batch.inputs,
            "target_scale": [unscaled] * targets if targets > 1 else unscaled,
        }
        out = self.tft(inputs)
        prediction = out["prediction"]
        quantiles = torch.stack(prediction, dim=2) if targets > 1 else prediction[:, :, None]
        return QuantileForecast(
            quantiles=quantiles,
            encoder_attention=out["encoder_attention"],
            encoder_lengths=out["encoder_lengths"],
            static_weights=out["static_variables"].reshape(windows, -1),
            encoder_weights=out["encoder_variables"].flatten(2),
            decoder_weights=out["decoder_variables"].flatten(2),
        )


def input_names(spec: InputSpec) -> dict[str, list[str]]:
    """Columns the network's encoder and decoder read, in the order of its selection weights."""
    columns = spec.columns
    known = [*columns.known, RELATIVE_TIME]
    return {
        "static": columns.categories,
        "encoder": [*known, *columns.targets, *columns.observed],
        "decoder": known,
    }


def _embedding_width(values: int) -> int:
    # pytorch-forecasting's rule of thumb (fastai's), capped: a fleet of thousands needs no more
    return int(min(round(1.6 * values**0.56), 32))


def _tft(spec: InputSpec, architecture: Architecture, reals: list[str]) -> TemporalFusionTransformer:
    names = input_names(spec)
    categories = names["static"]
    count = len(spec.targets)
    levels = len(spec.quantiles)
    losses = [QuantileLoss(quantiles=list(spec.quantiles)) for _ in spec.targets]
    unscaled = [TorchNormalizer(method="identity") for _ in spec.targets]
    return TemporalFusionTransformer(
        hidden_size=architecture.hidden_size,
        attention_head_size=architecture.attention_heads,
        lstm_layers=architecture.lstm_layers,
        dropout=architecture.dropout,
        hidden_continuous_size=architecture.hidden_continuous_size,
        output_size=[levels] * count if count > 1 else levels,
        loss=MultiLoss(losses) if count > 1 else losses[0],
        output_transformer=MultiNormalizer(unscaled) if count > 1 else unscaled[0],
        max_encoder_length=spec.encoder_length,
        static_categoricals=categories,
        time_varying_reals_encoder=names["encoder"],
        time_varying_reals_decoder=names["decoder"],
        x_reals=reals,
        x_categoricals=categories,
        embedding_sizes={
            column: (len(values) + 1, _embedding_width(len(values) + 1))
            for column, values in zip(categories, spec.categories.values(), strict=True)
        },
        logging_metrics=nn.ModuleList(),
        # the default of -1e9 is out of range in half precision; no row is ever fully masked,
        # since every window has history
        mask_bias=-float("inf"),
    )
