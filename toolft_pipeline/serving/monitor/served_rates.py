"""Rates of a day's served turns, by model: the figures that the gate has of the same model.

Invariant: every rate is of the model's own turn, also where the fallback answered in its place, and defined as
evaluation defines it: a turn with a call that cannot be parsed has no valid arguments, and calls no unknown tool. Turns
of one conversation are not independent: intervals are clustered by conversation.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from toolft_pipeline.evaluation.scoring.intervals import Rate, clustered_wilson
from toolft_pipeline.ingest.served_turns import ServedTurnRow
from toolft_pipeline.quantile import quantile
from toolft_pipeline.serving.monitor.saving import SavedTurns, saved_turns
from toolft_pipeline.serving.served_turn import TurnFault

_NOT_PARSED = frozenset({TurnFault.CUT.value, TurnFault.MALFORMED.value})
_BAD_CALL = frozenset({TurnFault.MALFORMED.value, TurnFault.UNKNOWN_TOOL.value})


class ServedRates(Struct, frozen=True, kw_only=True):
    """One model's served turns of a day.

    `parse_rate`: turns that were finished and could be read. `known_tools`: turns that call no tool that was not
    offered. `valid_arguments`: of the turns with calls, those whose calls the catalog allows; None without calls.
    `fallback_share`: turns that the fallback answered. `faults` counts turns by `TurnFault`. `constrained_turns`: turns
    in which a grammar changed the model's choice. `saved`: what the incumbent was spared.
    """

    model_day: str
    model_digest: str
    arms: tuple[str, ...]
    runs: int
    turns: int
    parse_rate: Rate
    known_tools: Rate
    valid_arguments: Rate | None
    fallback_share: Rate
    drifted_turns: int
    latency_ms_p50: float
    latency_ms_p95: float
    first_token_ms_p50: float | None
    queued_ms_p95: float
    prompt_tokens_per_turn: float
    new_tokens_per_turn: float
    faults: dict[str, int]
    constrained_turns: int = 0
    saved: SavedTurns = SavedTurns()


def served_rates(turns: Iterable[ServedTurnRow]) -> list[ServedRates]:
    """The rates of each model that answered, the newest first."""
    by_model: defaultdict[tuple[str, str], list[ServedTurnRow]] = defaultdict(list)
    for turn in turns:
        by_model[turn.model_day, turn.model_digest].append(turn)
    return [_rates(by_model[model]) for model in sorted(by_model, reverse=True)]


def _rates(turns: Sequence[ServedTurnRow]) -> ServedRates:
    calling = [turn for turn in turns if turn.calls or turn.fault in _BAD_CALL]
    latencies = [turn.latency_ms for turn in turns]
    first = [turn.first_token_ms for turn in turns if turn.first_token_ms is not None]
    return ServedRates(
        model_day=turns[0].model_day,
        model_digest=turns[0].model_digest,
        arms=tuple(sorted({turn.arm for turn in turns})),
        runs=len({turn.trajectory_id for turn in turns}),
        turns=len(turns),
        parse_rate=_rate(turns, lambda turn: turn.fault not in _NOT_PARSED),
        known_tools=_rate(turns, lambda turn: turn.fault != TurnFault.UNKNOWN_TOOL.value),
        valid_arguments=_rate(calling, _is_valid) if calling else None,
        fallback_share=_rate(turns, lambda turn: turn.fallback is not None),
        drifted_turns=sum(turn.catalog_drift for turn in turns),
        latency_ms_p50=quantile(latencies, 0.5) or 0.0,
        latency_ms_p95=quantile(latencies, 0.95) or 0.0,
        first_token_ms_p50=quantile(first, 0.5),
        queued_ms_p95=quantile([turn.queued_ms for turn in turns], 0.95) or 0.0,
        prompt_tokens_per_turn=sum(turn.prompt_tokens for turn in turns) / len(turns),
        new_tokens_per_turn=sum(turn.new_tokens for turn in turns) / len(turns),
        faults=dict(sorted(Counter(turn.fault for turn in turns if turn.fault is not None).items())),
        constrained_turns=sum(turn.constrained_changes > 0 for turn in turns),
        saved=saved_turns(turns),
    )


def _is_valid(turn: ServedTurnRow) -> bool:
    return turn.fault not in _BAD_CALL and not turn.invalid_arguments


def _rate(turns: Iterable[ServedTurnRow], holds: Callable[[ServedTurnRow], bool]) -> Rate:
    outcomes: defaultdict[str, list[bool]] = defaultdict(list)
    for turn in turns:
        outcomes[turn.trajectory_id].append(holds(turn))
    return clustered_wilson(outcomes)
