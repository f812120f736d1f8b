"""The shapes of data and model that the engines are compared on."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from hostcast.benchmark.recipe import own_training
from hostcast.params import Params

__all__ = ["SHAPES", "STEPS", "Device", "Precision", "Shape", "params_of"]

Device = Literal["cpu", "cuda"]
Precision = Literal["32-true", "16-mixed", "bf16-mixed"]

# more steps than any measurement takes: it ends by the clock
STEPS = 1 << 13


@dataclass(frozen=True)
class Shape:
    """Sizes of one comparison.

    Attributes:
        name: as it appears in every table.
        series, rows: training data: number of servers, and rows on each.
        freq: length of one step.
        targets, known, observed: number of columns of each role; the relative time comes on top.
        missing: share of the targets' values that are missing.
        encoder_length, horizon: steps.
        hidden_size, hidden_continuous_size, attention_heads: of the network.
        quantiles: levels forecast.
        batch_size: windows per training step.
        cuda_precision: of training on a GPU; on a CPU it is 32-true.
        compiled: whether layers are compiled for training on a GPU (`train.compile`).
        forecast_series: number of servers forecast at once.
        cpu_forecast_batch, cuda_forecast_batch: windows forecast per batch.
    """

    name: str
    series: int
    rows: int
    freq: str
    targets: int
    known: int
    observed: int
    missing: float
    encoder_length: int
    horizon: int
    hidden_size: int
    hidden_continuous_size: int
    attention_heads: int
    quantiles: tuple[float, ...]
    batch_size: int
    cuda_precision: Precision = "32-true"
    compiled: bool = False
    forecast_series: int = 2000
    cpu_forecast_batch: int = 256
    cuda_forecast_batch: int = 1000

    @property
    def target_names(self) -> list[str]:
        """Columns to forecast."""
        return [f"metric_{number}" for number in range(self.targets)]

    @property
    def steps(self) -> int:
        """Length of a window."""
        return self.encoder_length + self.horizon

    def precision(self, device: Device) -> Precision:
        """Of training on a device."""
        return self.cuda_precision if device == "cuda" else "32-true"

    def forecast_batch(self, device: Device) -> int:
        """Windows forecast per batch on a device."""
        return self.cuda_forecast_batch if device == "cuda" else self.cpu_forecast_batch

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        return asdict(self)


_FLEET = Shape(
    name="fleet",
    series=24,
    rows=14 * 288,
    freq="5min",
    targets=4,
    known=4,
    observed=1,
    missing=0.002,
    encoder_length=288,
    horizon=96,
    hidden_size=32,
    hidden_continuous_size=16,
    attention_heads=4,
    quantiles=(0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95),
    batch_size=128,
)

SHAPES: dict[str, Shape] = {
    "fleet": _FLEET,
    "large": replace(
        _FLEET, name="large", targets=14, hidden_size=128, hidden_continuous_size=64, batch_size=256
    ),
    # the sizes of NVIDIA's published benchmark of its TFT on the electricity data
    "electricity": Shape(
        name="electricity",
        series=369,
        rows=8 * 168,
        freq="1h",
        targets=1,
        known=3,
        observed=0,
        missing=0.0,
        encoder_length=168,
        horizon=24,
        hidden_size=128,
        hidden_continuous_size=128,
        attention_heads=4,
        quantiles=(0.1, 0.5, 0.9),
        batch_size=1024,
        cuda_precision="bf16-mixed",
        compiled=True,
    ),
}


def params_of(shape: Shape, params: Params, *, engine: str, device: Device) -> Params:
    """Params of a training on the shape's data.

    Args:
        params: the project's; of these, the seed, model.normalizer and section runtime count.
        engine: the engine that trains.
        device: what it runs on.
    """
    update: dict[str, Any] = {
        "base": params.base.model_copy(update={"freq": shape.freq, "target_metrics": shape.target_names}),
        "split": params.split.model_copy(
            update={
                "encoder_length": shape.encoder_length,
                "min_encoder_length": shape.encoder_length,
                "horizon": shape.horizon,
                "validation_split": 0.2,
                "test_split": 0.2,
                "boundary": "global",
                "max_missing": 0.5,
                "validation_stride": shape.horizon,
                "embargo": 0,
                "folds": params.split.folds.model_copy(update={"count": 0}),
                "holdout_servers": 0,
            }
        ),
        "model": params.model.model_copy(
            update={
                "hidden_size": shape.hidden_size,
                "attention_heads": shape.attention_heads,
                "hidden_continuous_size": shape.hidden_continuous_size,
                "lstm_layers": 1,
                "dropout": 0.1,
                "server_embedding": True,
            }
        ),
        "train": own_training(
            engine=engine,
            compile=shape.compiled,
            precision=shape.precision(device),
            epochs=1,
            batch_size=shape.batch_size,
            windows_per_epoch=STEPS * shape.batch_size,
            validation_windows=None,
            learning_rate=0.001,
            lr_schedule="cosine",
        ),
        "evaluate": params.evaluate.model_copy(
            update={"quantiles": list(shape.quantiles), "batch_size": shape.forecast_batch(device)}
        ),
        "runtime": params.runtime.model_copy(
            update={"progress": False, "accelerator": "gpu" if device == "cuda" else "cpu"}
        ),
    }
    return params.model_copy(update=update)
