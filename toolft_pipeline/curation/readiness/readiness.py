"""Decide from the logs whether an agent should be fine-tuned.

A fine-tuned small model pays under three conditions: the tools are stable, the behaviour repeats and can be verified,
and the call format or a prompt full of tools leaves something to gain. Each is a criterion with figures, thresholds and
an actionable sentence; all three must hold.

Invariant: the figures are counts over the window's logs, rejected runs included. Numerator and denominator of a share
count the same population; golden runs, which no model produced, are in none. A figure without logs is None, never 0.
The report contains no text of a run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from msgspec import Struct

from toolft_pipeline.curation.readiness.accepted_runs import AcceptedRuns
from toolft_pipeline.curation.readiness.criteria import (
    Criterion,
    ReadinessVerdict,
    all_of,
    any_of,
    measurement,
    verdict_of,
)
from toolft_pipeline.curation.readiness.logged_day import LoggedRunCounts
from toolft_pipeline.curation.readiness.production_stats import Incumbent, Share, incumbent_of
from toolft_pipeline.curation.readiness.tool_churn import ToolChurn, churn_of
from toolft_pipeline.settings import IncumbentSettings, ReadinessSettings
from toolft_pipeline.trajectories.category import Category


class Surface(Struct, frozen=True, kw_only=True):
    """The tools: their number, their churn, and those with too few accepted runs."""

    tools: int
    churn: ToolChurn
    thin_tools: dict[str, int]
    catalog_tokens_per_turn: int
    """Of today's catalog by the base model's tokenizer: what catalog mode none removes from each prompt."""


class Behaviour(Struct, frozen=True, kw_only=True):
    """The accepted runs and how much of them repeats. A kind is a category with its set of tools.

    `accepted`, `accepted_share` (of the judged logged runs), `kinds` and `repeated_share` cover logged runs; `golden`
    counts accepted golden runs, `served` those that our own server answered; rows by tool and by category count all,
    because all are trained on.
    `continued_in_another` counts runs that are a prefix of another accepted run (a conversation logged again with each
    turn); kinds and rows exclude them.
    """

    accepted: int
    golden: int
    continued_in_another: int
    accepted_share: float | None
    kinds: int
    repeated_share: float | None
    rows_by_tool: dict[str, int]
    rows_by_category: dict[str, int]
    served: int = 0


class Saving(Struct, frozen=True, kw_only=True):
    """The saving of prompts without the catalog.

    `share_of_prompt` is relative to a turn's logged prompt tokens, which another tokenizer counted. None if the prompt
    tokens, the turns of a run, or the price are unknown.
    """

    tokens_per_turn: float
    share_of_prompt: float | None
    tokens_per_1k_runs: float | None
    money_per_1k_runs: float | None


class Readiness(Struct, frozen=True, kw_only=True):
    """The report. `days` counts the window's days with runs."""

    day: str
    days: int
    verdict: ReadinessVerdict
    criteria: tuple[Criterion, ...]
    incumbent: Incumbent
    surface: Surface
    behaviour: Behaviour
    saving: Saving


@dataclass(frozen=True, kw_only=True)
class CatalogSize:
    """Today's tools, and tokens of the catalog by the base model's tokenizer."""

    names: Sequence[str]
    tokens: int
    """Of the whole catalog in a prompt."""
    saved_tokens: int
    """What `chat.catalog_mode` leaves out of a prompt."""


def measure_readiness(
    *,
    day: str,
    logged: Iterable[LoggedRunCounts],
    accepted: AcceptedRuns,
    judged: int,
    catalog: CatalogSize,
    prices: IncumbentSettings,
    wanted: ReadinessSettings,
) -> Readiness:
    """The report of a window from the counts of its days and its accepted runs.

    `judged` counts the logged runs that were verified, without golden runs.
    """
    counts, days = LoggedRunCounts(), 0
    for of_day in logged:
        counts.merge(of_day)
        days += of_day.runs.runs > 0
    behaviour = _behaviour(accepted, judged=judged)
    rows = {name: behaviour.rows_by_tool.get(name, 0) for name in catalog.names}
    surface = Surface(
        tools=len(catalog.names),
        churn=churn_of(counts.tools),
        thin_tools={name: n for name, n in rows.items() if n < wanted.min_runs_per_tool},
        catalog_tokens_per_turn=catalog.tokens,
    )
    figures = incumbent_of(counts.runs, prices=prices)
    saving = _saving(figures, saved_tokens=catalog.saved_tokens, price=prices.price_per_million_prompt_tokens)
    criteria = (
        _stable_tools(figures, wanted),
        _repetitive_behaviour(behaviour, judged=judged, wanted=wanted),
        _something_to_gain(figures, saving, wanted),
    )
    return Readiness(
        day=day,
        days=days,
        verdict=verdict_of(criteria),
        criteria=criteria,
        incumbent=figures,
        surface=surface,
        behaviour=behaviour,
        saving=saving,
    )


def _behaviour(accepted: AcceptedRuns, *, judged: int) -> Behaviour:
    kinds = [count for kind, count in accepted.distinct.items() if not kind.golden and not kind.served]
    tools: Counter[str] = Counter()
    categories: Counter[str] = Counter()
    for kind, count in accepted.distinct.items():
        categories[kind.category] += count
        tools.update(dict.fromkeys(kind.tools, count))
    served = sum(count for kind, count in accepted.all.items() if kind.served)
    golden = sum(count for kind, count in accepted.all.items() if kind.golden)
    logged = sum(accepted.all.values()) - golden - served
    return Behaviour(
        accepted=logged,
        golden=golden,
        served=served,
        continued_in_another=sum(accepted.all.values()) - sum(accepted.distinct.values()),
        accepted_share=logged / judged if judged else None,
        kinds=len(kinds),
        repeated_share=sum(count for count in kinds if count > 1) / sum(kinds) if kinds else None,
        rows_by_tool=dict(sorted(tools.items())),
        rows_by_category={category.value: categories[category.value] for category in Category},
    )


def _saving(figures: Incumbent, *, saved_tokens: int, price: float | None) -> Saving:
    """The saving a turn is the catalog's size; the saving of runs is capped by the prompt tokens that they logged."""
    logged = figures.prompt_tokens_per_turn or None  # some loggers write 0 for unknown
    saved = saved_tokens if logged is None else min(saved_tokens, logged)
    per_1k = None if figures.turns_per_run is None else 1000 * saved * figures.turns_per_run
    return Saving(
        tokens_per_turn=saved_tokens,
        share_of_prompt=None if logged is None else saved / logged,
        tokens_per_1k_runs=per_1k,
        money_per_1k_runs=None if per_1k is None or price is None else per_1k * price / 1e6,
    )


def _stable_tools(figures: Incumbent, wanted: ReadinessSettings) -> Criterion:
    fit = measurement(
        value=_value(figures.runs_that_fit),
        wanted=wanted.min_fit,
        what="logged runs that call only tools that exist today",
        to_know="log runs",
    )
    return all_of("fixed tool surface", fit)


def _repetitive_behaviour(behaviour: Behaviour, *, judged: int, wanted: ReadinessSettings) -> Criterion:
    rows = behaviour.accepted + behaviour.golden + behaviour.served - behaviour.continued_in_another
    return all_of(
        "repetitive verifiable behaviour",
        measurement(
            value=behaviour.accepted_share,
            wanted=wanted.min_accepted,
            what="logged runs that pass every rule",
            to_know="log runs",
        ),
        measurement(
            value=behaviour.repeated_share,
            wanted=wanted.min_repeated,
            what=f"accepted logged runs of a kind seen more than once ({behaviour.kinds} kinds)",
            to_know="no logged run is accepted",
        ),
        measurement(
            value=rows if judged or rows else None,
            wanted=wanted.min_runs,
            what="accepted runs, golden ones counted, a conversation once",
            to_know="log runs",
            form=",.0f",
        ),
    )


def _something_to_gain(figures: Incumbent, saving: Saving, wanted: ReadinessSettings) -> Criterion:
    """Any one suffices: calls that do not parse, calls that do not validate, a catalog that fills the prompt."""
    return any_of(
        "format reliability",
        measurement(
            value=_value(figures.runs_with_parse_failures),
            wanted=wanted.min_failing,
            what="logged runs with a call that did not parse",
            to_know="log usage.parse_failures",
        ),
        measurement(
            value=_value(figures.runs_with_bad_calls),
            wanted=wanted.min_failing,
            what="or with one that does not fit the catalog",
            to_know="log runs",
        ),
        measurement(
            value=saving.share_of_prompt,
            wanted=wanted.min_catalog_share,
            what="or the catalog's share of what a turn reads",
            to_know="log usage.prompt_tokens",
            form=".0%",
        ),
    )


def _value(share: Share | None) -> float | None:
    return None if share is None else share.value
