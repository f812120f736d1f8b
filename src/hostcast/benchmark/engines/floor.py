"""What the model needs at least per window, whoever computes it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from hostcast.benchmark.engines.shapes import Shape

__all__ = ["HOW", "Floor", "floor_of"]

HOW = (
    "Floating-point operations: 2 per multiply-add of every matrix product in a forward pass, times 3 in "
    "training (each product has two in the backward pass); element-wise work is free. Products that the "
    "model does not need are not counted: a number's way into variable selection is affine and folds into "
    "the next layer, the mean over attention heads is taken before the product with the values, masked "
    "attention is left out. Bytes: inputs and targets are read once; what leaves each block (variable "
    "selection, LSTM with its cell state, its gate, enrichment, attention, feed-forward, output) is written "
    "once and read once, in training read once more for the backward pass, where its gradient is written "
    "and read once; all else within a block stays in cache. Weights are read once per batch; in training "
    "they, their gradients and the optimiser's two moments are moved 10 times. A loader reads each window "
    "once and writes it once. The floor is the longer of the two times at the measured ceilings."
)

FLOAT32 = 4
GRADIENT_PASSES, FORWARD_PASSES = 3, 2
WEIGHT_PASSES = 10


@dataclass(frozen=True)
class Floor:
    """Least work per window.

    Attributes:
        training_operations, forecast_operations: floating-point operations.
        training_bytes, forecast_bytes, loader_bytes: moved to and from memory.
    """

    training_operations: float
    forecast_operations: float
    training_bytes: float
    forecast_bytes: float
    loader_bytes: float

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        return asdict(self)


def floor_of(
    shape: Shape, *, weights: int, activation_bytes: int, batch_size: int, forecast_batch: int
) -> Floor:
    """Count as `HOW` says.

    Args:
        shape: sizes of data and model.
        weights: number of the network's weights.
        activation_bytes: size of an activation in training.
        batch_size, forecast_batch: windows that share one pass over the weights.
    """
    operations = 2.0 * _multiplications(shape)
    window = FLOAT32 * _window_values(shape)
    blocks = _block_values(shape)
    trained = blocks * (FORWARD_PASSES + GRADIENT_PASSES) * activation_bytes
    return Floor(
        training_operations=3 * operations,
        forecast_operations=operations,
        training_bytes=window + trained + WEIGHT_PASSES * FLOAT32 * weights / batch_size,
        forecast_bytes=window + blocks * FORWARD_PASSES * FLOAT32 + FLOAT32 * weights / forecast_batch,
        loader_bytes=2.0 * window,
    )


def _window_values(shape: Shape) -> int:
    known = shape.known + 1
    history = shape.encoder_length * (known + shape.targets + shape.observed)
    # the horizon's targets come with flags that tell which were observed
    ahead = shape.horizon * (known + 2 * shape.targets)
    return history + ahead


def _block_values(shape: Shape) -> float:
    # selected variables, LSTM output and cell, its gate, enrichment
    each_step = 5 * shape.hidden_size
    # attention, its gate, feed-forward, the last gate, quantiles
    each_ahead = 4 * shape.hidden_size + shape.targets * len(shape.quantiles)
    return shape.steps * each_step + shape.horizon * each_ahead


def _multiplications(shape: Shape) -> float:
    """Multiply-adds of one window's forward pass."""
    hidden, ahead = shape.hidden_size, shape.horizon
    square = hidden * hidden
    known = shape.known + 1
    encoder = _selection(shape, known + shape.targets + shape.observed)
    decoder = _selection(shape, known)
    selection = shape.encoder_length * encoder + ahead * decoder
    # LSTM, its gate and enrichment: 8 + 2 + 4 squares; the static contexts are 4 residual networks
    recurrent = shape.steps * 14 * square
    static = 4 * 4 * square + square
    value = hidden // shape.attention_heads
    # a step ahead attends to the history and the steps ahead before it
    attended = ahead * (shape.encoder_length + (ahead - 1) / 2)
    attention = (
        ahead * square
        + shape.steps * (square + hidden * value)
        + attended * (hidden + value)
        + ahead * value * hidden
    )
    # gate, residual network, gate: 2 + 4 + 2 squares
    head = ahead * (8 * square + hidden * shape.targets * len(shape.quantiles))
    return selection + recurrent + static + attention + head


def _selection(shape: Shape, variables: int) -> float:
    """Multiply-adds of choosing among so many numbers at one step."""
    narrow = min(shape.hidden_continuous_size, shape.hidden_size)
    each = narrow * narrow + 2 * narrow * shape.hidden_size
    weigh = min(shape.hidden_size, variables)
    return variables * each + variables * weigh + weigh * weigh + 2 * weigh * variables
