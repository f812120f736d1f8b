"""Section `split`: windows, and the spans that they lie in."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from hostcast.params.dates import share_or_date, shown_instant
from hostcast.params.sections.section import Name, NonNegativeInt, PositiveInt, Section

__all__ = ["FoldParams", "SplitParams"]

ShareOrDate = Annotated[
    Annotated[float, Field(gt=0, lt=1)] | str,
    BeforeValidator(share_or_date),
]
Share = Annotated[float, Field(gt=0, lt=1)]


class FoldParams(Section):
    count: NonNegativeInt
    window: Literal["expanding", "sliding"]
    training: PositiveInt | None
    period: PositiveInt | None

    @model_validator(mode="after")
    def _length_of_sliding(self) -> FoldParams:
        if self.training is not None and self.window != "sliding":
            raise ValueError(
                f"training {self.training} is how much sliding folds train on; "
                f"with window {self.window} it must be null"
            )
        return self


class SplitParams(Section):
    encoder_length: PositiveInt
    horizon: PositiveInt
    min_encoder_length: PositiveInt
    validation_split: ShareOrDate
    test_split: ShareOrDate
    boundary: Literal["global", "per_server"]
    max_missing: Annotated[float, Field(ge=0, le=1)]
    validation_stride: PositiveInt
    embargo: NonNegativeInt
    folds: FoldParams
    holdout_servers: NonNegativeInt | Share | list[Name]

    @model_validator(mode="after")
    def _shares_leave_something(self) -> SplitParams:
        shares = [s for s in (self.validation_split, self.test_split) if isinstance(s, float)]
        if sum(shares) >= 1:
            raise ValueError(
                f"validation_split {self.validation_split} and test_split {self.test_split} "
                "leave nothing to train on; their sum must stay below 1"
            )
        if len(shares) == 0 and str(self.validation_split) >= str(self.test_split):
            raise ValueError(
                f"validation_split {shown_instant(str(self.validation_split))} must be a date before "
                f"test_split {shown_instant(str(self.test_split))}"
            )
        if self.min_encoder_length > self.encoder_length:
            raise ValueError(
                f"min_encoder_length {self.min_encoder_length} exceeds encoder_length {self.encoder_length}"
            )
        return self
