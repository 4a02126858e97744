"""Find settings with which training fits into memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from toolft_pipeline.settings import TrainingSettings
from toolft_pipeline.training.rows.sampling import DrawnRows, DrawnSide

SHORTEST_PACK = 64
"""Shorter packed rows are mostly overhead."""

Needs = Callable[[DrawnRows, TrainingSettings], float]
"""Bytes that training needs with these rows and settings."""


@dataclass(frozen=True, kw_only=True)
class SettingsChange:
    """A change of settings in `--set` form, and the rows and settings that result."""

    text: str
    drawn: DrawnRows
    training: TrainingSettings


def settings_that_fit(*, drawn: DrawnRows, training: TrainingSettings, needs: Needs, free: float) -> list[str]:
    """The single changes that suffice, each with its mildest value; else all changes together; empty if these do not
    fit either."""
    start = SettingsChange(text="", drawn=drawn, training=training)
    single = [change for kind in _KINDS if (change := _mildest(kind(start), needs, free))]
    if single:
        return [_described(change, needs) for change in single]
    strictest = start
    for kind in _KINDS:
        changes = list(kind(strictest))
        together = _mildest(iter(changes), needs, free)
        if together:
            return [_described(together, needs)]
        strictest = changes[-1] if changes else strictest
    return []


def rows_within(drawn: DrawnRows, *, tokens: int) -> DrawnRows:
    """The rows of at most `tokens` tokens."""

    def short(side: DrawnSide) -> DrawnSide:
        return replace(side, rows=tuple(row for row in side.rows if row.tokens <= tokens))

    return replace(drawn, train=short(drawn.train), validation=short(drawn.validation))


def _mildest(changes: Iterator[SettingsChange], needs: Needs, free: float) -> SettingsChange | None:
    return next((change for change in changes if needs(change.drawn, change.training) <= free), None)


def _described(change: SettingsChange, needs: Needs) -> str:
    return f"{change.text} ({needs(change.drawn, change.training) / 1e9:.1f} GB)"


def _checkpointing(start: SettingsChange) -> Iterator[SettingsChange]:
    sft = start.training.sft | {"gradient_checkpointing": True}
    if sft != start.training.sft:
        yield _also(start, "training.sft.gradient_checkpointing=true", sft=sft)


def _batch_size(start: SettingsChange) -> Iterator[SettingsChange]:
    rows = start.training.batch_size * start.training.gradient_accumulation
    for size in range(start.training.batch_size - 1, 0, -1):
        if rows % size == 0:
            text = f"training.batch_size={size} with training.gradient_accumulation={rows // size}"
            yield _also(start, text, batch_size=size, gradient_accumulation=rows // size)


def _packed_length(start: SettingsChange) -> Iterator[SettingsChange]:
    length = start.training.packed_length
    while (length := length // 2) >= SHORTEST_PACK:
        yield _also(start, f"training.packed_length={length}", packed_length=length)


def _long_rows(start: SettingsChange) -> Iterator[SettingsChange]:
    length = start.training.packed_length
    if max(start.drawn.train.longest, start.drawn.validation.longest) > length:
        text = f"chat.max_length={length}, which excludes longer rows"
        yield replace(_also(start, text), drawn=rows_within(start.drawn, tokens=length))


def _method(start: SettingsChange) -> Iterator[SettingsChange]:
    if start.training.method != "qlora":
        yield _also(start, "training.method=qlora", method="qlora")


_KINDS = (_checkpointing, _batch_size, _packed_length, _method, _long_rows)


def _also(start: SettingsChange, text: str, **update: object) -> SettingsChange:
    return SettingsChange(
        text=f"{start.text} and {text}" if start.text else text,
        drawn=start.drawn,
        training=start.training.model_copy(update=update),
    )
