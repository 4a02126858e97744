"""A conversation that is too long for one row, cut into histories that fit.

Invariant: a cut history is one that an agent could send: it begins where a user turn or a step begins, with the system
prompt and the request that the step belongs to, and nothing is missing in its midst. Each turn to be trained is trained
in exactly one row, or named as lost: where not even its own request fits, or where it uses what only the part cut off
had told. No turn is ever cut itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import takewhile
from typing import Any

from toolft_pipeline.chat.rendering.rendering import RenderedRow, RenderedTurn, Segment, group_into_rows
from toolft_pipeline.chat.truncation.context_dependency import depends_on_removed_context
from toolft_pipeline.settings import LongRows

CONTEXT_SHARE = 0.5
"""Of the limit, what a row after a split spends on history before its first trained turn, where less will do: all of
it would make a row a turn of a long run, none would train turns that have never seen what they speak of."""

Render = Callable[[list[dict[str, Any]]], list[RenderedTurn]]
"""The turns of a conversation, as `render_turns` gives them."""

Measure = Callable[[Sequence[Segment]], int]
"""Tokens of a row."""


@dataclass(frozen=True, kw_only=True)
class CutRow:
    """A row over a cut history: `kept` are the places of its messages, up to the last trained turn. The row's own
    places are those of the whole conversation too."""

    kept: tuple[int, ...]
    row: RenderedRow


@dataclass(frozen=True, kw_only=True)
class CutResult:
    """What became of a long row: the rows made of it, and the places of the turns that stand in none."""

    rows: tuple[CutRow, ...] = ()
    lost: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _History:
    kept: tuple[int, ...]
    turns: tuple[RenderedTurn, ...]
    """Those to be trained."""
    blind: frozenset[int]
    """Places of those that use what only the part cut off had told."""

    def trainable(self, left: Sequence[int]) -> list[RenderedTurn]:
        """Of the turns left, those up to the first that would be trained blind."""
        turns = [turn for turn in self.turns if turn.message_index in left]
        return list(takewhile(lambda turn: turn.message_index not in self.blind, turns))

    def row(self, row: RenderedRow) -> CutRow:
        return CutRow(
            kept=tuple(takewhile(lambda message_index: message_index <= row.message_indices[-1], self.kept)), row=row
        )


def cut(
    messages: list[dict[str, Any]],
    *,
    message_indices: Sequence[int],
    how: LongRows,
    limit: int,
    render: Render,
    measure: Measure,
) -> CutResult:
    """Rows of at most `limit` tokens for the assistant turns at `message_indices` of a conversation, by the agent's setting."""
    starts = cut_points(messages)

    @cache
    def begin(border: int) -> _History:
        kept = kept_from(messages, border)
        turns = (
            replace(turn, message_index=kept[turn.message_index])
            for turn in render([messages[message_index] for message_index in kept])
        )
        wanted = tuple(turn for turn in turns if turn.message_index in message_indices)
        blind = frozenset(
            turn.message_index
            for turn in wanted
            if depends_on_removed_context(messages, kept=kept, message_index=turn.message_index)
        )
        return _History(kept=kept, turns=wanted, blind=blind)

    if how is LongRows.CUT_FRONT:
        return _cut_front(starts, begin, message_indices=message_indices, limit=limit, measure=measure)
    if how is LongRows.SPLIT:
        return _split(starts, begin, message_indices=message_indices, limit=limit, measure=measure)
    return CutResult(lost=tuple(message_indices))


def cut_points(messages: Sequence[dict[str, Any]]) -> list[int]:
    """Places where a history may begin: user turns, and steps (a turn with calls behind results)."""
    found = []
    opening = _opening(messages)
    for message_index in range(opening, len(messages)):
        if _asks(messages[message_index]):
            begins = message_index == opening or not _asks(messages[message_index - 1])
        else:
            begins = bool(messages[message_index].get("tool_calls")) and messages[message_index - 1]["role"] == "tool"
        if begins:
            found.append(message_index)
    return found


def kept_from(messages: Sequence[dict[str, Any]], border: int) -> tuple[int, ...]:
    """The history that begins at a border: system prompt, the request that a step belongs to, and all from there."""
    opening = _opening(messages)
    request: list[int] = []
    if not _asks(messages[border]):
        last = next(
            (message_index for message_index in range(border - 1, opening - 1, -1) if _asks(messages[message_index])),
            None,
        )
        if last is not None:
            request = [*takewhile(lambda message_index: _asks(messages[message_index]), range(last, opening - 1, -1))][
                ::-1
            ]
    return (*range(opening), *request, *range(border, len(messages)))


def _opening(messages: Sequence[dict[str, Any]]) -> int:
    """System messages before anyone speaks."""
    return sum(1 for _ in takewhile(lambda message: message["role"] == "system", messages))


def _asks(message: dict[str, Any]) -> bool:
    return message["role"] not in {"assistant", "tool"}


def _cut_front(
    starts: Sequence[int],
    begin: Callable[[int], _History],
    *,
    message_indices: Sequence[int],
    limit: int,
    measure: Measure,
) -> CutResult:
    """One row with the newest turns, as many as fit."""
    for border in starts:
        history = begin(border)
        rows = group_into_rows([turn for turn in history.turns if turn.message_index not in history.blind])
        if len(rows) == 1 and measure(rows[0].segments) <= limit:
            kept = history.row(rows[0])
            return CutResult(
                rows=(kept,),
                lost=tuple(
                    message_index for message_index in message_indices if message_index not in kept.row.message_indices
                ),
            )
    return CutResult(lost=tuple(message_indices))


def _split(
    starts: Sequence[int],
    begin: Callable[[int], _History],
    *,
    message_indices: Sequence[int],
    limit: int,
    measure: Measure,
) -> CutResult:
    """Rows one after the other; each begins as early as its share for context allows, or earlier where it must."""
    rows: list[CutRow] = []
    lost: list[int] = []
    left = list(message_indices)
    while left:
        histories = [begin(border) for border in starts if border <= left[0]]
        share = CONTEXT_SHARE if rows else 1.0
        made = _next_row(histories, left, limit=limit, context=share * limit, measure=measure)
        if made is None and rows:
            made = _next_row(histories, left, limit=limit, context=limit, measure=measure)
        if made is None:
            lost.append(left.pop(0))
            continue
        rows.append(made)
        left = left[len(made.row.message_indices) :]
    return CutResult(rows=tuple(rows), lost=tuple(lost))


def _next_row(
    histories: Sequence[_History], left: Sequence[int], *, limit: int, context: float, measure: Measure
) -> CutRow | None:
    """The row that trains the first turns of those left, over the longest history before them that context allows."""
    for history in histories:
        turns = history.trainable(left)
        if turns and measure([Segment(text=turns[0].prompt, trained=False)]) <= context:
            row = _longest(turns, limit, measure)
            if row is not None:
                return history.row(row)
    return None


def _longest(turns: Sequence[RenderedTurn], limit: int, measure: Measure) -> RenderedRow | None:
    """The row of as many turns as fit, from the first on; None where not even the first one does."""
    fits = None
    for count in range(1, len(turns) + 1):
        rows = group_into_rows(turns[:count])
        if len(rows) > 1 or measure(rows[0].segments) > limit:
            break
        fits = rows[0]
    return fits
