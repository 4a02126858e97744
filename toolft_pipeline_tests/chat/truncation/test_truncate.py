"""Long conversations cut into histories that fit: where they are cut, what is trained, what is lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolft_pipeline.chat.formats import GEMMA3
from toolft_pipeline.chat.formats.chat_format import ChatFormat
from toolft_pipeline.chat.rendering.rendering import Segment, render, render_turns
from toolft_pipeline.chat.truncation.truncate import CutResult, cut, cut_points, kept_from
from toolft_pipeline.settings import CatalogMode, LongRows
from toolft_pipeline_tests.chat.rendering.test_rendering import FORGETFUL, forgetful

ROLES = {"s": "system", "u": "user", "a": "assistant", "c": "assistant", "t": "tool"}
TEMPLATE = GEMMA3.template(catalog_mode=CatalogMode.NONE)


def conversation(shape: str, *, words: int = 3) -> list[dict[str, Any]]:
    """A conversation by its letters: system, user, assistant, call, tool result."""
    messages = []
    for index, letter in enumerate(shape):
        message: dict[str, Any] = {"role": ROLES[letter], "content": f"{letter}{index} " * words}
        if letter == "c":
            message["tool_calls"] = [{"function": {"name": "f", "arguments": {"n": index}}}]
        messages.append(message)
    return messages


def length(segments: Sequence[Segment]) -> int:
    return sum(len(segment.text) for segment in segments)


def cuts_of(
    messages: list[dict[str, Any]], how: LongRows, limit: int, chat_format: ChatFormat = GEMMA3
) -> tuple[CutResult, list[int]]:
    indices = [index for index, message in enumerate(messages) if message["role"] == "assistant"]

    def turns(history: list[dict[str, Any]]) -> list[Any]:
        return list(render_turns(history, chat_format=chat_format, catalog_mode=CatalogMode.NONE))

    return cut(messages, message_indices=indices, how=how, limit=limit, render=turns, count_tokens=length), indices


def shown(cuts: CutResult) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    return [(row.kept, row.row.message_indices) for row in cuts.rows]


def size(shape: str) -> int:
    return len(render(conversation(shape), template=TEMPLATE)[0]) - 1  # a row has no newline behind its last turn


def test_cut_points_are_user_turns_and_steps() -> None:
    assert cut_points(conversation("suuacttctaua")) == [1, 7, 10]


@pytest.mark.parametrize(
    ("point", "kept"), [(1, (0, 1, 2, 3, 4, 5, 6, 7, 8)), (5, (0, 1, 2, 5, 6, 7, 8)), (7, (0, 7, 8))]
)
def test_kept_from_holds_system_prompt_request_and_the_rest(point: int, kept: tuple[int, ...]) -> None:
    assert kept_from(conversation("suuctctua"), point) == kept


def test_cut_front_drops_whole_user_turns_first_to_last() -> None:
    cuts, _ = cuts_of(conversation("suauaua"), LongRows.CUT_FRONT, size("suaua"))
    assert shown(cuts) == [((0, 3, 4, 5, 6), (4, 6))]
    assert cuts.lost == (2,)


def test_cut_front_drops_steps_and_keeps_their_request() -> None:
    cuts, _ = cuts_of(conversation("suctcta"), LongRows.CUT_FRONT, size("sucta"))
    assert shown(cuts) == [((0, 1, 4, 5, 6), (4, 6))]
    assert cuts.lost == (2,)


def test_cut_front_loses_every_turn_if_the_last_does_not_fit() -> None:
    cuts, indices = cuts_of(conversation("suaua"), LongRows.CUT_FRONT, 20)
    assert (cuts.rows, cuts.lost) == ((), tuple(indices))


def test_split_trains_every_turn_once() -> None:
    cuts, _ = cuts_of(conversation("suauauauaua"), LongRows.SPLIT, size("suauauaua"))
    assert shown(cuts) == [((0, 1, 2, 3, 4, 5, 6, 7, 8), (2, 4, 6, 8)), ((0, 7, 8, 9, 10), (10,))]
    assert cuts.lost == ()


def test_split_loses_only_the_turn_that_fits_nowhere() -> None:
    messages = conversation("uauaua")
    messages[2]["content"] = "long " * 200
    cuts, _ = cuts_of(messages, LongRows.SPLIT, size("uaua"))
    assert [row.row.message_indices for row in cuts.rows] == [(1,), (5,)]
    assert cuts.lost == (3,)


def test_split_context_carries_no_loss() -> None:
    cuts, _ = cuts_of(conversation("suauauauaua"), LongRows.SPLIT, size("suauauaua"))
    context, answer = cuts.rows[1].row.segments
    assert not context.trained
    assert "a8 a8 a8<end_of_turn>" in context.text
    assert answer == Segment(text="a10 a10 a10<end_of_turn>", trained=True)


def test_split_with_dropped_reasoning_follows_serving_prompts() -> None:
    messages = conversation("uauaua")
    for message in messages:
        if message["role"] == "assistant":
            message["reasoning_content"] = "t"
    whole = len(render(messages[:2], template=FORGETFUL)[0])
    cuts, indices = cuts_of(messages, LongRows.SPLIT, 2 * whole, forgetful())
    assert sorted(index for row in cuts.rows for index in row.row.message_indices) == indices
    assert _served(cuts, messages, FORGETFUL)


def messages_from(*turns: tuple[str, str]) -> list[dict[str, Any]]:
    """A conversation of padded texts, by letter."""
    messages = conversation("".join(letter for letter, _ in turns), words=0)
    for message, (letter, text) in zip(messages, turns, strict=True):
        message["content"] = text if letter == "c" else f"{text} " + "and so on " * 20
        if letter == "c":
            message["tool_calls"] = [{"function": {"name": "f", "arguments": {"of": text}}}]
    return messages


FILLER = [("u", "go on"), ("a", "well"), ("u", "go on"), ("a", "well")]


@pytest.mark.parametrize(
    ("first", "last", "lost"),
    [
        (("u", "I am C-1420."), ("a", "C-1420 is blocked."), True),
        (("u", "I am Ada Lovelace."), ("a", "I wrote to Ada."), True),
        (("u", "Order 77, please."), ("c", "77"), True),
        (("u", "Write to the board."), ("c", "the board"), True),
        (("u", "I am C-1420."), ("a", "all is well"), False),
        (("u", "all is well"), ("a", "all is well"), False),
    ],
)
def test_cut_front_loses_a_turn_that_needs_removed_context(
    first: tuple[str, str], last: tuple[str, str], lost: bool
) -> None:
    messages = messages_from(first, ("a", "yes"), *FILLER, ("u", "and now?"), last, ("u", "thanks"), ("a", "bye"))
    limit = len(render(messages[2:], template=TEMPLATE)[0])
    cuts, _ = cuts_of(messages, LongRows.CUT_FRONT, limit)
    assert cuts.lost == ((1, 7) if lost else (1,))


def test_cut_front_keeps_a_turn_whose_value_is_repeated() -> None:
    again = ("u", "C-1420 again, now?")
    messages = messages_from(("u", "I am C-1420."), ("a", "yes"), *FILLER, again, ("a", "C-1420 is blocked."))
    cuts, _ = cuts_of(messages, LongRows.CUT_FRONT, len(render(messages[2:], template=TEMPLATE)[0]))
    assert cuts.lost == (1,)


def test_split_turn_that_needs_old_context_gets_more() -> None:
    messages = messages_from(
        *FILLER, ("u", "I am C-1420."), ("a", "yes"), *FILLER, ("u", "and now?"), ("a", "C-1420 is blocked.")
    )
    limit = len(render(messages[4:], template=TEMPLATE)[0])
    cuts, _ = cuts_of(messages, LongRows.SPLIT, limit)
    assert cuts.lost == ()
    (blocked,) = [row for row in cuts.rows if 11 in row.row.message_indices]
    assert 4 in blocked.kept


def _served(cuts: CutResult, messages: list[dict[str, Any]], template: str) -> bool:
    """Whether the text before every trained piece is what a server sends for the history as cut."""
    for row in cuts.rows:
        text, indices = "", list(row.row.message_indices)
        for segment in row.row.segments:
            if segment.trained:
                index = indices.pop(0)
                history = [messages[kept] for kept in row.kept if kept < index]
                if text != render(history, template=template, add_generation_prompt=True)[0]:
                    return False
            text += segment.text
    return True


@given(
    shape=st.from_regex(r"s?(uu?(ct{1,2}){0,4}a){1,6}", fullmatch=True),
    words=st.integers(1, 8),
    limit=st.integers(60, 900),
    how=st.sampled_from([LongRows.CUT_FRONT, LongRows.SPLIT]),
)
def test_cut_accounts_for_every_turn_of_any_conversation(shape: str, words: int, limit: int, how: LongRows) -> None:
    messages = conversation(shape, words=words)
    cuts, indices = cuts_of(messages, how, limit)
    assert all(length(row.row.segments) <= limit for row in cuts.rows)
    assert sorted([*cuts.lost, *(index for row in cuts.rows for index in row.row.message_indices)]) == indices
    assert all(row.kept[-1] == row.row.message_indices[-1] for row in cuts.rows)
    assert _served(cuts, messages, TEMPLATE)
