"""Which models answered the turns of a served run, from the raw day that has it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from toolft_pipeline.ingest.served_turns import ServedTurnRow, read_served_turns

_SHOWN = 16
"""Characters of a digest: enough for `toolft lineage`."""


@dataclass(frozen=True, kw_only=True)
class ServedBy:
    """A model that answered turns of a run; `fallback` counts those that the fallback answered in its place."""

    model_day: str
    model_digest: str
    adapter_digest: str | None
    arm: str
    turns: int
    fallback: int


def served_by(raw: Path, trajectory_id: str) -> list[ServedBy]:
    """The models of a run, by its id in the logs; none for a run that was not served."""
    turns = [turn for turn in read_served_turns(raw) if turn.trajectory_id == trajectory_id]
    models = Counter(map(_model, turns))
    instead = Counter(_model(turn) for turn in turns if turn.fallback is not None)
    return [
        ServedBy(
            model_day=day,
            model_digest=digest,
            adapter_digest=adapter,
            arm=arm,
            turns=count,
            fallback=instead[day, digest, adapter, arm],
        )
        for (day, digest, adapter, arm), count in models.items()
    ]


def served_lines(models: Sequence[ServedBy]) -> Iterator[str]:
    """One line for each model, with the command that shows where the model comes from."""
    for each in models:
        adapter = "" if each.adapter_digest is None else f", adapter {each.adapter_digest[:_SHOWN]}"
        digest = each.model_digest[:_SHOWN]
        turns = f"{each.turns} turns" + (f", {each.fallback} of them by the fallback" if each.fallback else "")
        yield f"  served by the model of {each.model_day} ({each.arm}, content {digest}{adapter}): {turns}"
        yield f"    where that model comes from: toolft lineage {digest}"


def _model(turn: ServedTurnRow) -> tuple[str, str, str | None, str]:
    return turn.model_day, turn.model_digest, turn.adapter_digest, turn.arm
