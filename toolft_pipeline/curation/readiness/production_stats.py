"""Statistics of the model that runs the agent now (the incumbent), over all logged runs of a window.

Invariant: nothing is guessed. A run without a field counts in neither numerator nor denominator of its figure, and a
figure without any log is None, never 0. Logged runs include rejected ones and exclude golden ones; renamed tools have
today's names.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field, fields

from msgspec import Struct

from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.quantile import quantile
from toolft_pipeline.settings import IncumbentSettings
from toolft_pipeline.trajectories.record import OutcomeStatus, Role, Trajectory


class Share(Struct, frozen=True, kw_only=True):
    """A count and its total; a share of nothing is None instead."""

    n: int
    of: int

    @property
    def value(self) -> float:
        """Between 0 and 1."""
        return self.n / self.of


class Incumbent(Struct, frozen=True, kw_only=True):
    """The model that runs the agent now, by its logs; None if no log contains a figure.

    `runs_with_parse_failures`: of the runs that log parse failures. `runs_that_fit`: runs that call only tools of
    today's catalog; `runs_with_bad_calls`: runs with a call that does not validate; both of all runs.
    `turns_parsed`: assistant turns minus logged parse failures, over runs that log them.
    `turns_valid`: turns whose calls all validate against today's catalog, of the turns with calls.
    `turns_made_up`: turns that call a tool that is not in today's catalog, of all turns. `runs_done`: logged successes
    of logged successes and failures. `turn_ms_*`: nearest-rank quantiles over runs of a run's wall time,
    tools included, divided by its turns. Tokens a turn and the cost cover the runs that log the tokens they need.
    """

    runs: int
    turns: int
    turns_per_run: float | None
    prompt_tokens_per_run: float | None
    prompt_tokens_per_turn: float | None
    completion_tokens_per_run: float | None
    tokens_per_turn: float | None
    latency_ms_p50: float | None
    latency_ms_p95: float | None
    turn_ms_p50: float | None
    turn_ms_p95: float | None
    runs_with_parse_failures: Share | None
    runs_with_bad_calls: Share | None
    runs_that_fit: Share | None
    turns_parsed: Share | None
    turns_valid: Share | None
    turns_made_up: Share | None
    runs_done: Share | None
    cost_per_1k_runs: float | None


@dataclass(kw_only=True)
class LoggedRuns:
    """Sums over logged runs."""

    runs: int = 0
    turns: int = 0
    calling: int = 0
    valid: int = 0
    made_up: int = 0
    runs_with_bad_calls: int = 0
    runs_that_fit: int = 0
    outcomes: dict[OutcomeStatus, int] = field(default_factory=lambda: dict.fromkeys(OutcomeStatus, 0))
    prompt: list[int] = field(default_factory=list)
    completion: list[int] = field(default_factory=list)
    latency: list[float] = field(default_factory=list)
    turn_ms: list[float] = field(default_factory=list)
    failures: list[int] = field(default_factory=list)
    turns_with_failures_counted: int = 0
    turns_with_prompt_counted: int = 0
    both: list[tuple[int, int]] = field(default_factory=list)
    """Prompt and completion tokens of the runs that log both."""
    turns_with_tokens_counted: int = 0

    def add(self, run: Trajectory, *, tools: CatalogValidator) -> None:
        """Count one run; `tools` are today's."""
        turns = [message for message in run.messages if message.role is Role.ASSISTANT]
        self.runs += 1
        self.turns += len(turns)
        self.outcomes[run.outcome.status] += 1
        calls = [call for turn in turns for call in turn.tool_calls]
        self.runs_that_fit += all(call.name in tools.names for call in calls)
        bad = False
        for turn in turns:
            reasons = [tools.check(call.name, call.arguments_json) for call in turn.tool_calls]
            self.calling += bool(reasons)
            self.valid += bool(reasons) and not any(reasons)
            self.made_up += any(call.name not in tools.names for call in turn.tool_calls)
            bad = bad or any(reasons)
        self.runs_with_bad_calls += bad
        self._add_usage(run, turns=len(turns))

    def _add_usage(self, run: Trajectory, *, turns: int) -> None:
        usage = run.usage
        if usage.prompt_tokens is not None:
            self.prompt.append(usage.prompt_tokens)
            self.turns_with_prompt_counted += turns
        if usage.completion_tokens is not None:
            self.completion.append(usage.completion_tokens)
        if usage.prompt_tokens is not None and usage.completion_tokens is not None:
            self.both.append((usage.prompt_tokens, usage.completion_tokens))
            self.turns_with_tokens_counted += turns
        if usage.latency_ms is not None:
            self.latency.append(usage.latency_ms)
            if turns:
                self.turn_ms.append(usage.latency_ms / turns)
        if usage.parse_failures is not None:
            self.failures.append(min(usage.parse_failures, turns))
            self.turns_with_failures_counted += turns

    def merge(self, other: LoggedRuns) -> None:
        """Add the sums of other runs."""
        for name in _SUMS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for status, runs in other.outcomes.items():
            self.outcomes[status] += runs


def incumbent_of(seen: LoggedRuns, *, prices: IncumbentSettings) -> Incumbent:
    """The figures of the sums; a cost needs both prices and both token counts."""
    counted, done = seen.turns_with_failures_counted, seen.outcomes[OutcomeStatus.SUCCESS]
    return Incumbent(
        runs=seen.runs,
        turns=seen.turns,
        turns_per_run=_ratio(seen.turns, seen.runs),
        prompt_tokens_per_run=_mean(seen.prompt),
        prompt_tokens_per_turn=_ratio(sum(seen.prompt), seen.turns_with_prompt_counted),
        completion_tokens_per_run=_mean(seen.completion),
        tokens_per_turn=_ratio(sum(map(sum, seen.both)), seen.turns_with_tokens_counted),
        latency_ms_p50=quantile(seen.latency, 0.5),
        latency_ms_p95=quantile(seen.latency, 0.95),
        turn_ms_p50=quantile(seen.turn_ms, 0.5),
        turn_ms_p95=quantile(seen.turn_ms, 0.95),
        runs_with_parse_failures=_share(sum(count > 0 for count in seen.failures), len(seen.failures)),
        runs_with_bad_calls=_share(seen.runs_with_bad_calls, seen.runs),
        runs_that_fit=_share(seen.runs_that_fit, seen.runs),
        turns_parsed=_share(counted - sum(seen.failures), counted),
        turns_valid=_share(seen.valid, seen.calling),
        turns_made_up=_share(seen.made_up, seen.turns),
        runs_done=_share(done, done + seen.outcomes[OutcomeStatus.FAILURE]),
        cost_per_1k_runs=_cost_per_1k_runs(seen, prices),
    )


_SUMS = [each.name for each in fields(LoggedRuns) if each.name != "outcomes"]
"""Fields that `merge` adds: numbers and lists of numbers."""


def _cost_per_1k_runs(seen: LoggedRuns, prices: IncumbentSettings) -> float | None:
    read, written = prices.price_per_million_prompt_tokens, prices.price_per_million_completion_tokens
    if read is None or written is None:
        return None
    cost = _mean([prompt * read + completion * written for prompt, completion in seen.both])
    return None if cost is None else cost / 1000


def _share(n: int, of: int) -> Share | None:
    return Share(n=n, of=of) if of else None


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _mean(values: Sequence[float]) -> float | None:
    return statistics.fmean(values) if values else None
