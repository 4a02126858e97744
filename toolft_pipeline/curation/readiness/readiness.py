"""Whether an agent should be fine-tuned at all: what its logs say of the model that runs it now.

Three things make a fine-tuned small model the better buy: a tool surface that stands still, behaviour that repeats and
can be verified, and a format, or a prompt full of tools, with something to gain. Each is a criterion with its figures,
their thresholds and a sentence that a person can act on; all three must hold.

Invariant: the figures are counts over the window's logs, rejected runs included. A share is of one population, above
the line and below; golden runs, which no model of the agent made, are in none. What no log says is None, never 0.
Nothing of a run's text leaves here.
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
    """The tools: how many there are, how they moved, which nobody demonstrates enough."""

    tools: int
    churn: ToolChurn
    thin_tools: dict[str, int]
    catalog_tokens_per_turn: int
    """Of today's catalog, counted by the base model's tokenizer: what catalog mode none leaves out of each prompt."""


class Behaviour(Struct, frozen=True, kw_only=True):
    """The runs: how many are verified, and how much of them repeats. A kind is a category with its set of tools.

    `accepted`, its share of the logged runs that were judged, `kinds` and `repeated_share` are of logged runs;
    `golden` counts the accepted golden runs, and rows by tool and by category count both: both teach. Of these,
    `continued_in_another` are runs that another accepted run begins with (a conversation logged again with each turn):
    they teach nothing of their own, so kinds and rows leave them out.
    """

    accepted: int
    golden: int
    continued_in_another: int
    accepted_share: float | None
    kinds: int
    repeated_share: float | None
    rows_by_tool: dict[str, int]
    rows_by_category: dict[str, int]


class Saving(Struct, frozen=True, kw_only=True):
    """What leaving the catalog out of every prompt saves: tokens a turn, never more than the logs say a turn reads.

    `share_of_prompt` is of what a turn reads: about, for the logs count by another tokenizer. None where that, the
    turns of a run, or the price is not known.
    """

    tokens_per_turn: float
    share_of_prompt: float | None
    tokens_per_1k_runs: float | None
    money_per_1k_runs: float | None


class Readiness(Struct, frozen=True, kw_only=True):
    """The report. `days` are those of the window that have runs."""

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
    """The report of a window: the counts of its days of logs, and its accepted runs.

    `judged` counts the runs that were judged as logged ones; accepted golden runs are not among them.
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
        _stands_still(figures, wanted),
        _repeats_and_verifies(behaviour, judged=judged, wanted=wanted),
        _gains(figures, saving, wanted),
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
    kinds = [count for kind, count in accepted.distinct.items() if not kind.golden]
    tools: Counter[str] = Counter()
    categories: Counter[str] = Counter()
    for kind, count in accepted.distinct.items():
        categories[kind.category] += count
        tools.update(dict.fromkeys(kind.tools, count))
    logged = sum(count for kind, count in accepted.all.items() if not kind.golden)
    return Behaviour(
        accepted=logged,
        golden=sum(accepted.all.values()) - logged,
        continued_in_another=sum(accepted.all.values()) - sum(accepted.distinct.values()),
        accepted_share=logged / judged if judged else None,
        kinds=len(kinds),
        repeated_share=sum(count for count in kinds if count > 1) / sum(kinds) if kinds else None,
        rows_by_tool=dict(sorted(tools.items())),
        rows_by_category={category.value: categories[category.value] for category in Category},
    )


def _saving(figures: Incumbent, *, saved_tokens: int, price: float | None) -> Saving:
    """The figure of a turn is that of the report; what runs would save is never more than they read."""
    read = figures.prompt_tokens_per_turn or None  # a logger that writes 0 for what it does not know says nothing
    of_read = saved_tokens if read is None else min(saved_tokens, read)
    per_1k = None if figures.turns_per_run is None else 1000 * of_read * figures.turns_per_run
    return Saving(
        tokens_per_turn=saved_tokens,
        share_of_prompt=None if read is None else of_read / read,
        tokens_per_1k_runs=per_1k,
        money_per_1k_runs=None if per_1k is None or price is None else per_1k * price / 1e6,
    )


def _stands_still(figures: Incumbent, wanted: ReadinessSettings) -> Criterion:
    fit = measurement(
        value=_value(figures.runs_that_fit),
        wanted=wanted.min_fit,
        what="logged runs that call only tools that exist today",
        to_know="log runs",
    )
    return all_of("fixed tool surface", fit)


def _repeats_and_verifies(behaviour: Behaviour, *, judged: int, wanted: ReadinessSettings) -> Criterion:
    rows = behaviour.accepted + behaviour.golden - behaviour.continued_in_another
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


def _gains(figures: Incumbent, saving: Saving, wanted: ReadinessSettings) -> Criterion:
    """Each is reason enough: calls that do not parse, calls that are not valid, a catalog that fills the prompt."""
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
