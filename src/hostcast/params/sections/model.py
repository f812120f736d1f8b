"""Section `model`: the network."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from hostcast.params.sections.section import PositiveInt, Section

__all__ = ["ModelParams"]


class ModelParams(Section):
    hidden_size: PositiveInt
    attention_heads: PositiveInt
    lstm_layers: PositiveInt
    hidden_continuous_size: PositiveInt
    dropout: Annotated[float, Field(ge=0, lt=1)]
    normalizer: Literal["window", "encoder", "group"]
    server_embedding: bool

    @model_validator(mode="after")
    def _heads_divide(self) -> ModelParams:
        if self.hidden_size % self.attention_heads:
            raise ValueError(
                f"attention_heads {self.attention_heads} does not divide hidden_size {self.hidden_size}"
            )
        return self
