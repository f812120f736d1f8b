"""All of `params.yaml`, and what its sections must agree on."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import model_validator

from hostcast.params.sections import (
    BaseParams,
    BenchmarkParams,
    BytesOf,
    CalibrationParams,
    DriftParams,
    EvaluateParams,
    FeaturizeParams,
    FreeOf,
    ModelParams,
    PrepareParams,
    RuntimeParams,
    Section,
    SplitParams,
    TrainParams,
)

__all__ = ["Params"]

# the shipped ranges: they may stay where other columns are forecast
USUAL_METRICS = ("cpu_percent", "memory_percent", "disk_percent", "load_average")


class Params(Section):
    """All of `params.yaml`."""

    base: BaseParams
    prepare: PrepareParams
    featurize: FeaturizeParams
    split: SplitParams
    drift: DriftParams
    model: ModelParams
    train: TrainParams
    calibration: CalibrationParams
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
        strangers = sorted(set(self.featurize.lagged or []) - set(targets))
        if strangers:
            raise ValueError(f"featurize.lagged names {strangers}, which is no target of base.target_metrics")
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


def _refuse_shared_sources(names: list[str], mapping: Mapping[str, str | list[str]]) -> None:
    taken: dict[str, str] = {}
    for name in dict.fromkeys(names):
        given = mapping.get(name, name)
        for source in [given] if isinstance(given, str) else given:
            if source in taken:
                other = f"both {taken[source]!r} and {name!r}" if taken[source] != name else f"{name!r} twice"
                raise ValueError(f"prepare.columns takes {other} from the source's column {source!r}")
            taken[source] = name
