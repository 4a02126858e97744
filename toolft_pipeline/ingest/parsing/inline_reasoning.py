"""Move reasoning from the text of an answer to its own field, or refuse the run.

Invariant: no answer keeps reasoning in its text. Servers without a reasoning parser log it there, at the beginning,
between marks that the model was trained with. Text between a known pair of marks at the beginning of an assistant turn
is its reasoning. Marks anywhere else leave the border between reasoning and answer unclear, so the run is refused. A
mark in code or in quotes is quoted and stays. Text of users, tools and system prompts is not checked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from toolft_pipeline.ingest.parsing.reasoning_marks import (
    ANSWER_MARKS,
    HARMONY,
    HARMONY_PART,
    HARMONY_WITHOUT_TOKENS,
    MARK,
    MARKS,
    OPENINGS,
    PHRASES,
    TAG,
)
from toolft_pipeline.ingest.parsing.rejects import RefusedError, RejectReason
from toolft_pipeline.trajectories.record import Message, Part, Role


class InlineReasoningError(RefusedError):
    """Reasoning in an answer's text that cannot be separated with certainty."""

    reason = RejectReason.INLINE_REASONING

    def __init__(self) -> None:
        super().__init__(
            "an answer's text has reasoning marks (such as <think>) that do not enclose its beginning; log the "
            "reasoning as `reasoning_content`, or enable the server's reasoning parser"
        )


_CODE = re.compile(r"(```|~~~).*?(?:\1|\Z)|(`{1,4})[^`\n][^\n]{0,400}?\2", re.DOTALL)
_QUOTED = re.compile(
    rf"\"(?:{MARK.pattern})(?:[^\"\n]{{0,40}}(?:{MARK.pattern}))?\"|'(?:{MARK.pattern})'|“(?:{MARK.pattern})”",
    re.IGNORECASE,
)
_SUMMARY = re.compile(r"[^<>]*>\s*(?:<summary>.*?</summary>)?", re.DOTALL)
"""The rest of Open WebUI's opening mark, and its line "Thought for 3 seconds"."""

_MAX_BLOCKS = 64
"""Blocks of reasoning at the beginning of one text: models write one or two."""


def may_contain_reasoning(text: str) -> bool:
    """Whether a text has a mark of reasoning.

    For nearly every answer a few searches in C decide.
    """
    if "<" in text or "THINK]" in text or "think]" in text or "◁" in text or "&lt;" in text:
        return MARK.search(text) is not None or text.lstrip().startswith(OPENINGS)
    return text.lstrip().startswith(PHRASES)


def separate_reasoning(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Move the reasoning of assistant turns out of their text.

    Raises `InlineReasoningError`.
    """
    return tuple(
        [_separate(one) if one.role is Role.ASSISTANT and may_contain_reasoning(one.text) else one for one in messages]
    )


def _separate(message: Message) -> Message:
    text = message.text
    inline, answer = split_reasoning(text)
    if answer == text:
        return message
    if any(part.type != "text" for part in message.content):
        raise InlineReasoningError
    logged = (message.reasoning or "").strip()
    reasoning = logged if inline in logged else "\n".join(filter(None, (logged, inline)))
    content = (Part(type="text", text=answer),) if answer else ()
    return msgspec.structs.replace(message, content=content, reasoning=reasoning or None)


def split_reasoning(text: str) -> tuple[str, str]:
    """Split a text into the reasoning at its beginning and the answer.

    Empty reasoning and the text itself if none. Raises `InlineReasoningError`.
    """
    if HARMONY.search(_without_quotes(text)):
        reasoning, answer = _split_harmony(text)
        blocks = [reasoning]
    else:
        blocks, answer = [], text
        while (split := _split_block(answer)) is not None:
            if len(blocks) == _MAX_BLOCKS:
                raise InlineReasoningError
            blocks.append(split[0].strip())
            answer = split[1]
        if not blocks and (split := _split_at_closing_mark(text)) is not None:
            blocks.append(split[0].strip())
            answer = split[1]
    if MARK.search(_without_quotes(answer)) or HARMONY_WITHOUT_TOKENS.match(answer):
        raise InlineReasoningError
    return ("\n".join(filter(None, blocks)), _without_answer_marks(answer.strip())) if blocks else ("", text)


def _split_block(text: str) -> tuple[str, str] | None:
    """Split off the block of reasoning that a text begins with.

    Raises if the block has no end.
    """
    head = text.lstrip()
    tag = TAG.match(head)
    if tag is not None and not tag["end"]:
        end = next((one for one in TAG.finditer(head, tag.end()) if one["end"] and _name(one) == _name(tag)), None)
        if end is None:
            raise InlineReasoningError
        return head[tag.end() : end.start()], head[end.end() :]
    for mark in MARKS:
        if head.startswith(mark.opens):
            inner, closed, rest = head[len(mark.opens) :].partition(mark.closes)
            if not closed:
                raise InlineReasoningError
            return _SUMMARY.sub("", inner, count=1) if mark.is_html else inner, rest
    return None


def _name(tag: re.Match[str]) -> str:
    return tag["name"].casefold()


def _split_at_closing_mark(text: str) -> tuple[str, str] | None:
    """Split a text whose only mark is a closing one; None for any other.

    Servers of DeepSeek R1 and Qwen3 log such texts: the opening mark is part of the prompt.
    """
    marks = list(MARK.finditer(_without_quotes(text)))
    if len(marks) != 1:
        return None
    tag = TAG.fullmatch(marks[0][0])
    closes = tag["end"] if tag is not None else marks[0][0] in [mark.closes for mark in MARKS]
    return (text[: marks[0].start()], text[marks[0].end() :]) if closes else None


def _without_quotes(text: str) -> str:
    """Overwrite code and quoted marks with spaces, which keeps all offsets."""
    if "`" in text or "~~~" in text:
        text = _CODE.sub(_spaces, text)
    return _QUOTED.sub(_spaces, text)


def _spaces(match: re.Match[str]) -> str:
    return " " * len(match[0])


def _split_harmony(text: str) -> tuple[str, str]:
    """Split OpenAI's harmony: analysis is reasoning.

    Final, and commentary without a recipient, are the answer.
    """
    reasoning: list[str] = []
    answer: list[str] = []
    at = len(text) - len(text.lstrip())
    while at < len(text):
        part = HARMONY_PART.match(text, at)
        if part is None:
            raise InlineReasoningError
        (reasoning if part["channel"] == "analysis" else answer).append(part["text"].strip())
        at = part.end()
    return "\n".join(filter(None, reasoning)), "\n".join(filter(None, answer))


def _without_answer_marks(answer: str) -> str:
    """Remove the marks that some models put around the answer after their reasoning."""
    for opens, closes in ANSWER_MARKS:
        if answer.startswith(opens) and answer.endswith(closes) and answer.count(closes) == 1:
            return answer[len(opens) : -len(closes)].strip()
    return answer
