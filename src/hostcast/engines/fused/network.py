"""The Temporal Fusion Transformer with pytorch-forecasting's parameters, computed without its waste."""

from __future__ import annotations

from pytorch_forecasting.models.temporal_fusion_transformer.sub_modules import ResampleNorm
from torch import Tensor, nn

from hostcast.engines.base import Architecture
from hostcast.engines.fused.decoding import decode
from hostcast.engines.fused.enrichment import enrich
from hostcast.engines.fused.folding import fold_grn, fold_selection, interpolation
from hostcast.engines.fused.layers import Layers
from hostcast.engines.fused.plain import attention_weights
from hostcast.engines.reference.dataset import real_inputs
from hostcast.engines.reference.network import TftNetwork, input_names
from hostcast.windows import Batch, InputSpec, QuantileForecast

__all__ = ["FusedNetwork"]


class _Interpolation(nn.Module):
    """`interpolation` as the module that pytorch-forecasting has for it."""

    matrix: Tensor

    def __init__(self, wide: int, narrow: int) -> None:
        super().__init__()
        self.register_buffer("matrix", interpolation(wide, narrow), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(..., wide) to (..., narrow)."""
        return x @ self.matrix


class FusedNetwork(TftNetwork):
    """The same function of the same parameters as `ReferenceNetwork`.

    What it saves: linear maps of single numbers are folded (see `folding`), gated residual networks are one
    kernel each and keep nothing but their inputs for the backward pass, attention never writes its scores to
    memory, nothing is packed where no history is short, and the targets share one output product.

    Args:
        spec: the inputs.
        architecture: the sizes.
    """

    single_stretch: Tensor

    def __init__(self, spec: InputSpec, architecture: Architecture) -> None:
        super().__init__(spec, architecture, reals=real_inputs(spec))
        self.layers = Layers()
        for module in self.tft.modules():
            if isinstance(module, ResampleNorm) and module.input_size != module.output_size:
                # of the categories' embeddings; the others are folded
                module.resample = _Interpolation(module.input_size, module.output_size)
        width, depth = architecture.hidden_size, architecture.hidden_continuous_size
        self.register_buffer("single_stretch", interpolation(depth, width), persistent=False)
        for part in ("encoder", "decoder"):
            count = len(input_names(spec)[part])
            self.register_buffer(f"{part}_stretch", interpolation(count * depth, count), persistent=False)

    def compile_layers(self) -> None:
        """See `Network.compile_layers`."""
        self.layers = Layers(compiled=True)

    def forward(self, batch: Batch) -> QuantileForecast:
        """See `Network.forward`."""
        inputs = batch.inputs
        return self.compute(
            inputs["history"],
            inputs["ahead"],
            inputs["categories"],
            inputs["lengths"],
            full=inputs["full"],
        )

    def compute(
        self, history: Tensor, ahead: Tensor, categories: Tensor, lengths: Tensor, *, full: bool
    ) -> QuantileForecast:
        """Forecast windows.

        Args:
            history: (batch, encoder_length, variables), shorter ones at the left.
            ahead: (batch, horizon, known variables).
            categories: (batch, categories), codes.
            lengths: (batch,) steps of history.
            full: whether all are encoder_length.
        """
        tft, layers = self.tft, self.layers
        short = None if full else lengths
        rate = self.dropout if self.training else 0.0
        static, static_weights = self._static(categories)
        contexts = {
            name: layers.gated_residual(static[:, None], None, fold_grn(network), dropout=rate)[:, 0]
            for name, network in {
                "selection": tft.static_context_variable_selection,
                "hidden": tft.static_context_initial_hidden_lstm,
                "cell": tft.static_context_initial_cell_lstm,
                "enrichment": tft.static_context_enrichment,
            }.items()
        }
        past, encoder_weights = self._select("encoder", history, contexts["selection"], rate)
        future, decoder_weights = self._select("decoder", ahead, contexts["selection"], rate)
        depth = tft.lstm_encoder.num_layers
        hidden, cell = (contexts[name].expand(depth, -1, -1).contiguous() for name in ("hidden", "cell"))
        past_out, state = layers.recur(tft.lstm_encoder, past, (hidden, cell), short, dropout=rate)
        future_out, _ = layers.recur(tft.lstm_decoder, future, state, None, dropout=rate)
        stream = enrich(
            layers, tft, (past_out, past), (future_out, future), contexts["enrichment"], dropout=rate
        )
        query, key, value = stream.query, stream.key, stream.value
        heads = layers.attend_mean(query, key, value, short, dropout=rate)
        return QuantileForecast(
            quantiles=decode(layers, tft, heads, stream, dropout=rate),
            encoder_attention=attention_weights(query, key, short)[..., : -ahead.shape[1]]
            if self.interpreting and not self.training
            else None,
            encoder_lengths=lengths,
            static_weights=static_weights,
            encoder_weights=encoder_weights,
            decoder_weights=decoder_weights,
        )

    def _static(self, categories: Tensor) -> tuple[Tensor, Tensor]:
        tft = self.tft
        names = tft.hparams.static_categoricals
        if not names:
            hidden = tft.hparams.hidden_size
            weight = tft.lstm_encoder.weight_ih_l0
            return weight.new_zeros(len(categories), hidden), weight.new_zeros(len(categories), 0)
        embedded = {
            name: tft.input_embeddings.embeddings[name](categories[:, place])
            for place, name in enumerate(names)
        }
        static, weights = tft.static_variable_selection(embedded)
        return static, weights.reshape(len(categories), -1)

    def _select(self, part: str, x: Tensor, context: Tensor, rate: float) -> tuple[Tensor, Tensor]:
        network = getattr(self.tft, f"{part}_variable_selection")
        folded = fold_selection(network, self.single_stretch, getattr(self, f"{part}_stretch"))
        joint = None if folded.joint is None else network.flattened_grn.context(context)
        return self.layers.select_variables(x, joint, folded, dropout=rate)
