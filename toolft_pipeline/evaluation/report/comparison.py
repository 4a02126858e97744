"""The table that compares models: one row a metric, one column a model.

Invariant: the report page, the terminal and Dagster show this table, so they show the same rows and figures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from toolft_pipeline.evaluation.judge.level import Level
from toolft_pipeline.evaluation.scoring.metric import Metric, Place, Unit
from toolft_pipeline.evaluation.scoring.metrics import METRICS, metrics_in

if TYPE_CHECKING:
    from pandas import DataFrame

LEVEL_METRICS = ("task_success", "right_tool", "exact_match")
"""The figures that have a row for each level."""

RateText = Callable[[Mapping[str, float]], Any]
"""How a rate ({value, low, high}) becomes a cell."""


def comparison(
    models: Mapping[str, Mapping[str, Any]],
    *,
    bfcl: Mapping[str, Mapping[str, Any]],
    rate: RateText,
    places: tuple[Place, ...] = (Place.TABLE,),
) -> DataFrame:
    """Tabulate the models of a metrics.json and their rates on BFCL's sets; a row without any figure is left out.

    Rates are cells as `rate` makes them, numbers are text in their unit's format, nothing is None.
    """
    from pandas import DataFrame

    def cell(metric: Metric, value: Any) -> Any:
        if value is None:
            return None
        return rate(value) if metric.unit is Unit.SHARE else metric.text(value)

    metrics = {name: metric for place in places for name, metric in metrics_in(place).items()}
    rows: dict[str, list[Any]] = {}
    for name, metric in metrics.items():
        rows[metric.title] = [cell(metric, metric.figure(name, figures)) for figures in models.values()]
        if name == "task_success":
            rows |= _level_rows(models, rate=rate) | _pass_rows(models, rate=rate)
    for asked in dict.fromkeys(name for sets in bfcl.values() for name in sets):
        rates = [bfcl.get(model, {}).get(asked) for model in models]
        rows[f"BFCL {asked}"] = [None if each is None else rate(each["right"]) for each in rates]
    table = DataFrame.from_dict(rows, orient="index", columns=list(models), dtype=object)
    return table[table.notna().any(axis="columns")]


def _level_rows(models: Mapping[str, Mapping[str, Any]], *, rate: RateText) -> dict[str, list[Any]]:
    """Task success, right tool and exact match of each level that some model has tasks of."""
    rows = {}
    for level in Level:
        parts = [(figures.get("by_level") or {}).get(level.value) for figures in models.values()]
        for name in LEVEL_METRICS if any(parts) else ():
            found = [part and part[name] for part in parts]
            rows[f"{level.value.replace('_', ' ')}: {METRICS[name].label}"] = [each and rate(each) for each in found]
    return rows


def _pass_rows(models: Mapping[str, Mapping[str, Any]], *, rate: RateText) -> dict[str, list[Any]]:
    """pass@1, and pass^n of n repeats, where tasks are repeated."""
    found = [figures.get("pass_rates") or {} for figures in models.values()]
    most = max((int(k) for rates in found for k in rates), default=0)
    names = {"1": "pass@1", str(most): f"pass^{most}"} if most else {}
    return {name: [rates.get(k) and rate(rates[k]) for rates in found] for k, name in names.items()}


def percent(rate: Mapping[str, float]) -> str:
    """A rate without its interval."""
    return f"{rate['value']:.1%}"


def percent_with_interval(rate: Mapping[str, float]) -> str:
    """A rate with its 95 % interval."""
    return f"{rate['value']:.1%} ({rate['low']:.1%}-{rate['high']:.1%})"
