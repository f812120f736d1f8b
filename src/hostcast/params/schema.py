"""What `params.yaml` may say. Meanings and units stand beside each key in that file."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import pandas as pd
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from hostcast.params.addresses import bare_url
from hostcast.params.dates import a_start, an_instant, share_or_date, shown_instant
from hostcast.params.lengths import length_of

__all__ = [
    "BaseParams",
    "BenchmarkParams",
    "BytesOf",
    "DriftParams",
    "EvaluateParams",
    "FeaturizeParams",
    "FilesParams",
    "FreeOf",
    "ModelParams",
    "Params",
    "PrepareParams",
    "PrometheusParams",
    "PrometheusRuntime",
    "RuntimeParams",
    "SimulateParams",
    "SplitParams",
    "TrainParams",
]

Precision = Literal["32-true", "16-mixed", "bf16-mixed"]
RollingStatistic = Literal["mean", "std", "min", "max"]
PositiveInt = Annotated[int, Field(ge=1)]
NonNegativeInt = Annotated[int, Field(ge=0)]
Name = Annotated[str, Field(min_length=1)]

RESERVED_COLUMNS = ("server", "timestamp")
SCORED_QUANTILES = (0.1, 0.5, 0.9)
# the shipped ranges: they may stay where other columns are forecast
USUAL_METRICS = ("cpu_percent", "memory_percent", "disk_percent", "load_average")


ShareOrDate = Annotated[
    Annotated[float, Field(gt=0, lt=1)] | str,
    BeforeValidator(share_or_date),
]
Instant = Annotated[str, BeforeValidator(an_instant)]


class Section(BaseModel):
    """Base of all sections: immutable, no unknown keys, no silent conversions."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class BaseParams(Section):
    random_seed: Annotated[int, Field(ge=0, lt=2**32)]
    freq: str
    target_metrics: Annotated[list[Name], Field(min_length=1)]

    @field_validator("freq")
    @classmethod
    def _fixed_length(cls, value: str) -> str:
        length_of(value)
        return value

    @field_validator("target_metrics")
    @classmethod
    def _distinct(cls, value: list[str]) -> list[str]:
        return _without_reserved(_all_distinct(value))

    @property
    def step(self) -> pd.Timedelta:
        """Length of one step."""
        return length_of(self.freq)


class SimulateParams(Section):
    servers: PositiveInt
    days: Annotated[int, Field(ge=2)]
    start: Annotated[str, BeforeValidator(lambda value: str(value))]
    gap_rate: Annotated[float, Field(ge=0, le=0.5)]

    @field_validator("start")
    @classmethod
    def _a_date(cls, value: str) -> str:
        return a_start(value)


class BytesOf(Section):
    bytes_of: Name


class PrometheusParams(Section):
    url: Name
    start: Instant
    end: Instant
    server_label: Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")]
    selector: str
    queries: dict[Name, Name]

    @field_validator("url")
    @classmethod
    def _without_secrets(cls, value: str) -> str:
        return bare_url(value)

    @model_validator(mode="after")
    def _start_before_end(self) -> PrometheusParams:
        if pd.Timestamp(self.start) >= pd.Timestamp(self.end):
            raise ValueError(
                f"prepare.prometheus.start {shown_instant(self.start)} must be before "
                f"prepare.prometheus.end {shown_instant(self.end)}"
            )
        return self


class FreeOf(Section):
    free_of: Name


class FilesParams(Section):
    endings: dict[
        Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")], Literal["csv", "json", "jsonl", "parquet"]
    ]
    header: bool
    server: Literal["column", "file_name"]
    time: Literal["column", "seconds", "row_number"]
    start: Annotated[str | None, BeforeValidator(an_instant)]
    freq: str | None

    @field_validator("freq")
    @classmethod
    def _fixed_length(cls, value: str | None) -> str | None:
        if value is not None:
            length_of(value)
        return value

    @model_validator(mode="after")
    def _time_is_told(self) -> FilesParams:
        if self.time != "column" and self.start is None:
            raise ValueError(f'time {self.time} needs a start, e.g. "2025-01-06"')
        if self.time == "row_number" and self.freq is None:
            raise ValueError("time row_number needs a freq, the distance of rows, e.g. 1min")
        if self.time == "row_number" and self.server != "file_name":
            raise ValueError("time row_number needs server file_name: rows are counted by server")
        return self


class PrepareParams(Section):
    engine: Literal["local", "ray"]
    source: Literal["simulate", "files", "prometheus"]
    path: Name
    files: FilesParams
    columns: dict[str, Name | Annotated[list[Name], Field(min_length=1)]]
    covariates: list[Name]
    static: list[Name]
    timezone: str
    encoding: str | None
    decimal: Literal["auto", "point", "comma"]
    on_bad_file: Literal["fail", "skip"]
    sentinels: list[float]
    units: dict[str, Literal["fraction"] | BytesOf | FreeOf]
    counters: list[Name]
    rename_servers: dict[str, Name]
    not_after: Annotated[str | None, BeforeValidator(an_instant)]
    max_clock_skew: str | None
    ranges: dict[str, Annotated[list[float | None], Field(min_length=2, max_length=2)]]
    min_rows: PositiveInt
    on_empty_server: Literal["fail", "drop"]
    prometheus: PrometheusParams
    simulate: SimulateParams

    @field_validator("covariates", "static")
    @classmethod
    def _distinct(cls, value: list[str]) -> list[str]:
        return _without_reserved(_all_distinct(value))

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            pd.Timestamp(0, tz=value)
        except Exception:  # zoneinfo, pytz and dateutil each raise their own type
            raise ValueError(f"{value!r} is not a time zone; write e.g. UTC or Europe/Berlin") from None
        return value

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                "".encode(value)
            except LookupError:
                raise ValueError(f"{value!r} is not a text encoding; write e.g. latin-1 or cp1252") from None
        return value

    @field_validator("counters")
    @classmethod
    def _named_once(cls, value: list[str]) -> list[str]:
        return _all_distinct(value)

    @field_validator("rename_servers")
    @classmethod
    def _final_names(cls, value: dict[str, str]) -> dict[str, str]:
        twice = sorted(set(value) & set(value.values()))
        if twice:
            raise ValueError(f"{twice} is both an old and a new name; write the name that holds in the end")
        return value

    @field_validator("max_clock_skew")
    @classmethod
    def _a_length(cls, value: str | None) -> str | None:
        if value is not None:
            length_of(value)
        return value

    @field_validator("ranges")
    @classmethod
    def _low_below_high(cls, value: dict[str, list[float | None]]) -> dict[str, list[float | None]]:
        for name, (low, high) in value.items():
            if low is not None and high is not None and low >= high:
                raise ValueError(f"{name}: the low end {low} is not below the high end {high}")
        return value


class FeaturizeParams(Section):
    time_of_day: bool
    day_of_week: bool
    lags: list[PositiveInt]
    rolling_windows: list[Annotated[int, Field(ge=2)]]
    rolling_statistics: list[RollingStatistic]
    interactions: list[Annotated[list[Name], Field(min_length=2, max_length=2)]]
    missing_indicators: bool

    @field_validator("lags", "rolling_windows")
    @classmethod
    def _distinct_steps(cls, value: list[int]) -> list[int]:
        if len(set(value)) != len(value):
            raise ValueError("names a number twice")
        return value

    @model_validator(mode="after")
    def _windows_have_statistics(self) -> FeaturizeParams:
        if self.rolling_windows and not self.rolling_statistics:
            raise ValueError("rolling_windows needs at least one entry in rolling_statistics, e.g. [mean]")
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


class DriftParams(Section):
    recent: str | None
    psi: Annotated[float, Field(gt=0)]
    psi_watch: Annotated[float, Field(gt=0)]
    min_values: PositiveInt
    drifted_servers: Annotated[float, Field(ge=0, le=1)]
    new_servers: Annotated[float, Field(ge=0, le=1)]
    missing_rise: Annotated[float, Field(ge=0, le=1)]
    silent_after: str
    max_age: str | None

    @field_validator("recent", "silent_after", "max_age")
    @classmethod
    def _a_length(cls, value: str | None) -> str | None:
        if value is not None:
            length_of(value)
        return value

    @model_validator(mode="after")
    def _watch_comes_first(self) -> DriftParams:
        if self.psi_watch > self.psi:
            raise ValueError(f"psi_watch {self.psi_watch} exceeds psi {self.psi}")
        return self


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


class TrainParams(Section):
    engine: Literal["fused", "reference"]
    compile: bool
    precision: Precision
    epochs: PositiveInt
    batch_size: PositiveInt
    windows_per_epoch: PositiveInt | None
    validation_windows: PositiveInt | None
    learning_rate: Annotated[float, Field(gt=0)]
    lr_schedule: Literal["plateau", "cosine", "one_cycle"]
    lr_warmup: Annotated[float, Field(ge=0, lt=1)]
    lr_finder: bool
    weight_decay: Annotated[float, Field(ge=0)]
    gradient_accumulation: PositiveInt
    gradient_clip_val: Annotated[float, Field(ge=0)]
    early_stopping_patience: PositiveInt
    reduce_on_plateau_patience: PositiveInt
    save_top_k_checkpoints: PositiveInt
    checkpoint_every_n_epochs: PositiveInt
    val_check_interval: Annotated[float, Field(gt=0, le=1)]
    log_every_n_steps: PositiveInt
    tensorboard_enabled: bool
    target_weights: dict[str, Annotated[float, Field(gt=0)]]

    @model_validator(mode="after")
    def _some_checkpoint(self) -> TrainParams:
        shortest = min(self.epochs, self.early_stopping_patience + 1)
        if self.checkpoint_every_n_epochs > shortest:
            raise ValueError(
                f"checkpoint_every_n_epochs {self.checkpoint_every_n_epochs} saves nothing in a training "
                f"that may last {shortest} epochs (epochs, or early_stopping_patience + 1)"
            )
        return self


class EvaluateParams(Section):
    quantiles: Annotated[list[Annotated[float, Field(gt=0, lt=1)]], Field(min_length=1)]
    stride: PositiveInt
    season: PositiveInt
    batch_size: PositiveInt
    plot_servers: NonNegativeInt

    @field_validator("quantiles")
    @classmethod
    def _rising_and_scorable(cls, value: list[float]) -> list[float]:
        if any(low >= high for low, high in itertools.pairwise(value)):
            raise ValueError(f"{value} must rise")
        absent = [level for level in SCORED_QUANTILES if level not in value]
        if absent:
            raise ValueError(f"lacks {absent}, which the score is made of")
        return value


class BenchmarkParams(Section):
    suite: Literal["quick", "full"]
    device: Literal["auto", "cpu", "cuda"]
    only: list[Name]
    engine_repeats: Literal["auto"] | PositiveInt
    seconds: Literal["auto"] | Annotated[float, Field(gt=0)]
    time_limit: Annotated[float, Field(gt=0)] | None
    quality_data: list[Name]
    quality_repeats: PositiveInt
    reference_recipe: dict[str, Any]
    fused_recipe: dict[str, Any]
    fused_recipe_cuda: dict[str, Any] | None
    same_recipe: bool
    repeats: PositiveInt
    batches: PositiveInt
    validation_batches: PositiveInt
    batch_size: PositiveInt
    num_workers: PositiveInt
    precision: Literal["16-mixed", "bf16-mixed"]


class PrometheusRuntime(Section):
    concurrency: PositiveInt
    chunk_steps: Annotated[int, Field(ge=1, le=11_000)]
    answer_mib: PositiveInt
    timeout: Annotated[float, Field(gt=0)]
    retries: NonNegativeInt
    backoff: Annotated[float, Field(gt=0)]


class RuntimeParams(Section):
    num_workers: Literal["auto"] | NonNegativeInt
    pin_memory: bool
    persistent_workers: bool
    progress: bool
    accelerator: Literal["auto", "cpu", "gpu"]
    prometheus: PrometheusRuntime
    ray_address: Name | None


class Params(Section):
    """All of `params.yaml`."""

    base: BaseParams
    prepare: PrepareParams
    featurize: FeaturizeParams
    split: SplitParams
    drift: DriftParams
    model: ModelParams
    train: TrainParams
    evaluate: EvaluateParams
    benchmark: BenchmarkParams
    runtime: RuntimeParams

    @model_validator(mode="after")
    def _names_agree(self) -> Params:
        targets = self.base.target_metrics
        both = sorted(set(targets) & {*self.prepare.covariates, *self.prepare.static})
        if both:
            raise ValueError(f"base.target_metrics and prepare.covariates/static both name {both}")
        known = {*targets, *self.prepare.covariates}
        for pair in self.featurize.interactions:
            unknown = [name for name in pair if name not in known]
            if unknown:
                raise ValueError(
                    f"featurize.interactions names {unknown}, which is neither a target nor a covariate"
                )
        ranged = sorted(set(self.prepare.ranges) - known - {*USUAL_METRICS})
        if ranged:
            raise ValueError(
                f"prepare.ranges names {ranged}, which is neither a target nor a covariate; "
                f"known are {sorted(known)}"
            )
        for key, named in (("units", self.prepare.units), ("counters", self.prepare.counters)):
            unknown = sorted(set(named) - known)
            if unknown:
                raise ValueError(
                    f"prepare.{key} names {unknown}, which is neither a target nor a covariate; "
                    f"known are {sorted(known)}"
                )
        shares = [
            name
            for name in self.prepare.counters
            if isinstance(self.prepare.units.get(name), BytesOf | FreeOf)
        ]
        if shares:
            raise ValueError(
                f"prepare.units makes {shares} a share of a total, and prepare.counters a rate: "
                "a counter has no total"
            )
        if self.prepare.source == "files":
            _refuse_shared_sources(
                ["server", "timestamp", *targets, *self.prepare.covariates, *self.prepare.static],
                self.prepare.columns,
            )
        strangers = sorted(set(self.train.target_weights) - set(targets))
        if strangers:
            raise ValueError(f"train.target_weights names {strangers}, not among base.target_metrics")
        return self


def _all_distinct(names: list[str]) -> list[str]:
    if len(set(names)) != len(names):
        raise ValueError("names a column twice")
    return names


def _without_reserved(names: list[str]) -> list[str]:
    reserved = [name for name in names if name in RESERVED_COLUMNS]
    if reserved:
        raise ValueError(f"{reserved} is the key of every row and can't be a value")
    return names


def _refuse_shared_sources(names: list[str], mapping: Mapping[str, str | list[str]]) -> None:
    taken: dict[str, str] = {}
    for name in dict.fromkeys(names):
        given = mapping.get(name, name)
        for source in [given] if isinstance(given, str) else given:
            if source in taken:
                other = f"both {taken[source]!r} and {name!r}" if taken[source] != name else f"{name!r} twice"
                raise ValueError(f"prepare.columns takes {other} from the source's column {source!r}")
            taken[source] = name
