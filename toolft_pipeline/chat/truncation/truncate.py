"""Cut a conversation that is too long for one row into histories that fit.

Invariant: a cut history is one that an agent could send. It begins where a user turn or a step begins, with the system
prompt and the request that the step belongs to, and it has no gap. Each turn to train is trained in exactly one row, or
it is named as lost: because its own request alone does not fit, or because it depends on removed context. No turn is
ever cut itself.
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
"""Share of the limit that later rows of a split spend on history before their first trained turn, unless the turn needs
more. The whole limit would make one row a turn of a long run; no history would train turns without their context."""

Render = Callable[[list[dict[str, Any]]], list[RenderedTurn]]
"""The turns of a conversation, as `render_turns` returns them."""

CountTokens = Callable[[Sequence[Segment]], int]
"""Number of tokens of a row."""


@dataclass(frozen=True, kw_only=True)
class CutRow:
    """A row over a cut history. All indices are those of the whole conversation."""

    kept: tuple[int, ...]
    """Indices of the messages kept, up to the last trained turn."""
    row: RenderedRow


@dataclass(frozen=True, kw_only=True)
class CutResult:
    """The rows cut out of a long one, and the message indices of the turns that are in none."""

    rows: tuple[CutRow, ...] = ()
    lost: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _History:
    """What remains of a conversation from one cut point on."""

    kept: tuple[int, ...]
    turns: tuple[RenderedTurn, ...]
    """Those to train."""
    missing_context: frozenset[int]
    """Message indices of the turns that depend on removed context."""

    def trainable(self, remaining: Sequence[int]) -> list[RenderedTurn]:
        """Of the remaining turns, those before the first that lacks context."""
        turns = [turn for turn in self.turns if turn.message_index in remaining]
        return list(takewhile(lambda turn: turn.message_index not in self.missing_context, turns))

    def row(self, row: RenderedRow) -> CutRow:
        """A row over this history, up to its last trained turn."""
        return CutRow(kept=tuple(takewhile(lambda index: index <= row.message_indices[-1], self.kept)), row=row)


def cut(
    messages: list[dict[str, Any]],
    *,
    message_indices: Sequence[int],
    how: LongRows,
    limit: int,
    render: Render,
    count_tokens: CountTokens,
) -> CutResult:
    """Rows of at most `limit` tokens for the assistant turns at `message_indices`, by `chat.long_rows`."""
    points = cut_points(messages)

    @cache
    def history_from(point: int) -> _History:
        kept = kept_from(messages, point)
        rendered = render([messages[index] for index in kept])
        turns = [replace(turn, message_index=kept[turn.message_index]) for turn in rendered]
        wanted = tuple(turn for turn in turns if turn.message_index in message_indices)
        missing_context = frozenset(
            turn.message_index
            for turn in wanted
            if depends_on_removed_context(messages, kept=kept, message_index=turn.message_index)
        )
        return _History(kept=kept, turns=wanted, missing_context=missing_context)

    cutter = _Cutter(points=points, history_from=history_from, limit=limit, count_tokens=count_tokens)
    if how is LongRows.CUT_FRONT:
        return cutter.cut_front(message_indices)
    if how is LongRows.SPLIT:
        return cutter.split(message_indices)
    return CutResult(lost=tuple(message_indices))


def cut_points(messages: Sequence[dict[str, Any]]) -> list[int]:
    """Message indices where a history may begin: user turns, and steps (a turn with calls after results)."""
    points = []
    first = _system_count(messages)
    for index in range(first, len(messages)):
        if _is_request(messages[index]):
            begins = index == first or not _is_request(messages[index - 1])
        else:
            begins = bool(messages[index].get("tool_calls")) and messages[index - 1]["role"] == "tool"
        if begins:
            points.append(index)
    return points


def kept_from(messages: Sequence[dict[str, Any]], point: int) -> tuple[int, ...]:
    """The messages kept from a cut point on: system prompt, the request that a step belongs to, and all from there."""
    first = _system_count(messages)
    request: list[int] = []
    if not _is_request(messages[point]):
        last = next((index for index in range(point - 1, first - 1, -1) if _is_request(messages[index])), None)
        if last is not None:
            request = [*takewhile(lambda index: _is_request(messages[index]), range(last, first - 1, -1))][::-1]
    return (*range(first), *request, *range(point, len(messages)))


def _system_count(messages: Sequence[dict[str, Any]]) -> int:
    """Number of system messages that open the conversation."""
    return sum(1 for _ in takewhile(lambda message: message["role"] == "system", messages))


def _is_request(message: dict[str, Any]) -> bool:
    return message["role"] not in {"assistant", "tool"}


@dataclass(frozen=True, kw_only=True)
class _Cutter:
    """Cuts one conversation."""

    points: Sequence[int]
    history_from: Callable[[int], _History]
    limit: int
    count_tokens: CountTokens

    def cut_front(self, message_indices: Sequence[int]) -> CutResult:
        """One row with the newest turns, as many as fit."""
        for point in self.points:
            history = self.history_from(point)
            turns = [turn for turn in history.turns if turn.message_index not in history.missing_context]
            rows = group_into_rows(turns)
            if len(rows) == 1 and self.count_tokens(rows[0].segments) <= self.limit:
                trained = rows[0].message_indices
                lost = tuple(index for index in message_indices if index not in trained)
                return CutResult(rows=(history.row(rows[0]),), lost=lost)
        return CutResult(lost=tuple(message_indices))

    def split(self, message_indices: Sequence[int]) -> CutResult:
        """Consecutive rows; each takes as much earlier history as its share allows, or more where it must."""
        rows: list[CutRow] = []
        lost: list[int] = []
        remaining = list(message_indices)
        while remaining:
            histories = [self.history_from(point) for point in self.points if point <= remaining[0]]
            share = CONTEXT_SHARE if rows else 1.0
            row = self._next_row(histories, remaining, context=share * self.limit)
            if row is None and rows:
                row = self._next_row(histories, remaining, context=self.limit)
            if row is None:
                lost.append(remaining.pop(0))
                continue
            rows.append(row)
            remaining = remaining[len(row.row.message_indices) :]
        return CutResult(rows=tuple(rows), lost=tuple(lost))

    def _next_row(self, histories: Sequence[_History], remaining: Sequence[int], *, context: float) -> CutRow | None:
        """The row that trains the first remaining turns over the longest history of at most `context` tokens."""
        for history in histories:
            turns = history.trainable(remaining)
            if turns and self.count_tokens([Segment(text=turns[0].prompt, trained=False)]) <= context:
                row = self._longest(turns)
                if row is not None:
                    return history.row(row)
        return None

    def _longest(self, turns: Sequence[RenderedTurn]) -> RenderedRow | None:
        """The row of as many turns as fit, from the first on; None where the first alone does not fit."""
        longest = None
        for count in range(1, len(turns) + 1):
            rows = group_into_rows(turns[:count])
            if len(rows) > 1 or self.count_tokens(rows[0].segments) > self.limit:
                break
            longest = rows[0]
        return longest
