"""Reasoning that stands inside the text of an answer, moved to where the record holds reasoning, or refused.

Invariant: no answer keeps reasoning in its text. Servers without a reasoning parser log it there, at the head of the
text, between marks that the model was trained with. What stands between a form's marks at the head of an assistant
turn is its reasoning. Where marks stand otherwise, the border between thought and answer would be a guess, so the run
is refused. A mark in code or in quotes is spoken about and stays. What users, tools and system prompts say is not
looked at.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

import msgspec

from toolft_pipeline.errors import FixableError
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
from toolft_pipeline.ingest.parsing.rejects import RejectReason
from toolft_pipeline.trajectories.record import Message, Part, Role


class InlineReasoningError(FixableError, ValueError):
    """An assistant turn whose text holds reasoning that cannot be told from the answer for certain."""

    reason: ClassVar[RejectReason] = RejectReason.INLINE_REASONING

    def __init__(self) -> None:
        super().__init__(
            "an answer's text holds marks of reasoning (as <think>) that do not enclose its head; log the reasoning as "
            "`reasoning_content`, or have the server's reasoning parser take it out of the text"
        )


_CODE = re.compile(r"(```|~~~).*?(?:\1|\Z)|(`{1,4})[^`\n][^\n]{0,400}?\2", re.DOTALL)
_QUOTED = re.compile(
    rf"\"(?:{MARK.pattern})(?:[^\"\n]{{0,40}}(?:{MARK.pattern}))?\"|'(?:{MARK.pattern})'|“(?:{MARK.pattern})”",
    re.IGNORECASE,
)
_SUMMARY = re.compile(r"[^<>]*>\s*(?:<summary>.*?</summary>)?", re.DOTALL)
"""The rest of Open WebUI's opening mark, and its line "Thought for 3 seconds"."""

_MAX_BLOCKS = 64
"""Blocks of reasoning at the head of one text: models write one or two."""


def may_contain_reasoning(text: str) -> bool:
    """Whether a text has a mark of reasoning. Nearly every answer of a log is told apart by a few searches in C."""
    if "<" in text or "THINK]" in text or "think]" in text or "◁" in text or "&lt;" in text:
        return MARK.search(text) is not None or text.lstrip().startswith(OPENINGS)
    return text.lstrip().startswith(PHRASES)


def separate_reasoning(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Messages whose assistant turns hold reasoning as such. Raises `InlineReasoningError`."""
    return tuple(
        [_apart(one) if one.role is Role.ASSISTANT and may_contain_reasoning(one.text) else one for one in messages]
    )


def _apart(message: Message) -> Message:
    text = message.text
    thought, answer = split(text)
    if answer == text:
        return message
    if any(part.type != "text" for part in message.content):
        raise InlineReasoningError
    stated = (message.reasoning or "").strip()
    reasoning = stated if thought in stated else "\n".join(filter(None, (stated, thought)))
    content = (Part(type="text", text=answer),) if answer else ()
    return msgspec.structs.replace(message, content=content, reasoning=reasoning or None)


def split(text: str) -> tuple[str, str]:
    """The reasoning at the head of an answer's text and the answer behind it; no reasoning and the text itself where it
    holds none. Raises `InlineReasoningError`."""
    if HARMONY.search(_spoken(text)):
        thought, answer = _harmony(text)
        thoughts = [thought]
    else:
        thoughts, answer = [], text
        while (found := _block(answer)) is not None:
            if len(thoughts) == _MAX_BLOCKS:
                raise InlineReasoningError
            thoughts.append(found[0].strip())
            answer = found[1]
        if not thoughts and (found := _closed(text)) is not None:
            thoughts.append(found[0].strip())
            answer = found[1]
    if MARK.search(_spoken(answer)) or HARMONY_WITHOUT_TOKENS.match(answer):
        raise InlineReasoningError
    return ("\n".join(filter(None, thoughts)), _unwrapped(answer.strip())) if thoughts else ("", text)


def _block(text: str) -> tuple[str, str] | None:
    """The block of reasoning that a text begins with, and what follows it. Raises for one without an end."""
    head = text.lstrip()
    tag = TAG.match(head)
    if tag is not None and not tag["end"]:
        end = next((one for one in TAG.finditer(head, tag.end()) if one["end"] and _named(one) == _named(tag)), None)
        if end is None:
            raise InlineReasoningError
        return head[tag.end() : end.start()], head[end.end() :]
    for mark in MARKS:
        if head.startswith(mark.opens):
            inner, closed, left = head[len(mark.opens) :].partition(mark.closes)
            if not closed:
                raise InlineReasoningError
            return _SUMMARY.sub("", inner, count=1) if mark.is_html else inner, left
    return None


def _named(tag: re.Match[str]) -> str:
    return tag["name"].casefold()


def _closed(text: str) -> tuple[str, str] | None:
    """Reasoning whose opening mark stood in the prompt, so that the text has only its end: servers of DeepSeek R1 and
    Qwen3 log it so. None where that is not the text's only mark."""
    marks = list(MARK.finditer(_spoken(text)))
    if len(marks) != 1:
        return None
    tag = TAG.fullmatch(marks[0][0])
    closes = tag["end"] if tag is not None else marks[0][0] in [mark.closes for mark in MARKS]
    return (text[: marks[0].start()], text[marks[0].end() :]) if closes else None


def _spoken(text: str) -> str:
    """A text with code, and marks in quotes, overwritten by spaces: every place stays where it was."""
    if "`" in text or "~~~" in text:
        text = _CODE.sub(_spaces, text)
    return _QUOTED.sub(_spaces, text)


def _spaces(found: re.Match[str]) -> str:
    return " " * len(found[0])


def _harmony(text: str) -> tuple[str, str]:
    """OpenAI's harmony: channel analysis is reasoning, final (and commentary without a recipient) the answer."""
    thoughts: list[str] = []
    said: list[str] = []
    at = len(text) - len(text.lstrip())
    while at < len(text):
        part = HARMONY_PART.match(text, at)
        if part is None:
            raise InlineReasoningError
        (thoughts if part["channel"] == "analysis" else said).append(part["text"].strip())
        at = part.end()
    return "\n".join(filter(None, thoughts)), "\n".join(filter(None, said))


def _unwrapped(answer: str) -> str:
    """The answer without the marks that some models put around it, behind their reasoning."""
    for opens, closes in ANSWER_MARKS:
        if answer.startswith(opens) and answer.endswith(closes) and answer.count(closes) == 1:
            return answer[len(opens) : -len(closes)].strip()
    return answer
