"""Rule 6: answers and calls are grounded in what the agent could know.

Invariant: in an accepted run every number, id and address of an answer occurs in an earlier message or in the catalog,
or (a number) follows from known ones by plain arithmetic. No answer states something about an id that no call asked
about and no result mentions. Where the user named one choice of a parameter, no call takes another one that nobody
named. No call asks for a page by a cursor that no message gave. Replay cannot find these: a read that is missing from
the log changes no state and no other result, and the answer that rests on it would teach a model to invent. No rule can
read an image, so everything after one passes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from toolft_pipeline.settings import Grounded, GroundingSettings
from toolft_pipeline.trajectories.grounding_text import (
    GroundingText,
    amounts,
    decoded,
    is_identifier,
    is_number,
    leaves,
    percentages,
    words,
)
from toolft_pipeline.trajectories.record import Message, Role, ToolCall
from toolft_pipeline.verification.rules.arithmetic import Arithmetic
from toolft_pipeline.verification.rules.catalog_words import Schemas, words_of
from toolft_pipeline.verification.rules.verdict import Fault, Rule, Violation

_LONGEST_NUMBER = 15
"""Most digits of a quantity; a longer number is an id."""

_CURSOR = re.compile(
    r"(?:^|_)(?:cursor|page_?token|next_?token|continuation(?:_?token)?)$|(?-i:[a-z](?:Cursor|PageToken))$", re.I
)
"""Parameters that take what the page before gave."""

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


def check_grounding(
    messages: Sequence[Message],
    *,
    schemas: Schemas,
    settings: GroundingSettings | None = None,
    catalog_words: GroundingText | None = None,
) -> Violation | None:
    """The first ungrounded value of the kinds that the settings refuse (all by default), if any.

    `catalog_words` are the words of the whole catalog, by default those of `schemas`.
    """
    settings = settings or GroundingSettings()
    known = _Known(words_of(schemas) if catalog_words is None else catalog_words)
    asked = GroundingText()
    read: GroundingText | None = None
    for place, message in enumerate(messages):
        if message.role is not Role.ASSISTANT:
            known.add_text(message.text, result=message.role is Role.TOOL)
            if message.role is Role.USER:
                asked.add_text(message.text)
            for part in message.content:
                if part.image_sha256 is not None:
                    return None
            continue
        if settings.refuses(Grounded.IDS) and (cursor := _unread_cursor(message, known.words)) is not None:
            reason = f"message {place} asks for the page {cursor!r}, which no earlier message contains"
            return _fault(Fault.UNREAD_VALUE, reason, Grounded.IDS)
        choice = _choice(message, known.words, asked, schemas) if settings.refuses(Grounded.CHOICES) else None
        if choice is not None:
            return _fault(Fault.UNGROUNDED_CHOICE, f"message {place}: {choice}", Grounded.CHOICES)
        spoken = words(message.text)
        if (ungrounded := _ungrounded(message.text, spoken, known, settings)) is not None:
            word, kind = ungrounded
            reason = f"message {place} says {word!r}, which no earlier message contains"
            return _fault(Fault.UNGROUNDED_ANSWER, reason, kind)
        if settings.refuses(Grounded.IDS) and any(map(is_identifier, spoken)):
            read = read or _read_texts(messages)
            if (id_ := _unread_id(message.text, read)) is not None:
                reason = f"message {place} states something about {id_!r}, and no call asks for it"
                return _fault(Fault.UNASKED_ANSWER, reason, Grounded.IDS)
        for text in (message.text, *(call.arguments_json for call in message.tool_calls)):
            known.add_text(text)
    return None


class _Known:
    """What is known so far, as words and as numbers for arithmetic."""

    def __init__(self, catalog_words: GroundingText) -> None:
        self.words = GroundingText(before=catalog_words)
        self._waiting: list[str] = []
        self._numbers = Arithmetic()

    def add_text(self, text: str, *, result: bool = False) -> None:
        self.words.add_text(text, result=result)
        self._waiting.append(text)

    def derives(self, word: str, *, percent: bool) -> bool:
        """Whether an amount follows from known numbers; texts are read for numbers at the first unknown one."""
        for text in self._waiting:
            self._numbers.add_text(text)
        self._waiting.clear()
        return any(self._numbers.derives(number, percent=percent) for number in amounts(word))


def accept_hint(kind: Grounded) -> str:
    """How to keep such a run: the smallest setting that accepts it."""
    return f"a call may be missing from the log; verification.grounding.{kind.value}: accept keeps such runs"


def statements(text: str, *, questions: bool = False) -> list[str]:
    """The sentences of an answer, without its questions unless `questions`."""
    return [part for part in _SENTENCE_END.split(text) if questions or not part.rstrip().endswith("?")]


def _ungrounded(
    text: str, spoken: Sequence[str], known: _Known, settings: GroundingSettings
) -> tuple[str, Grounded] | None:
    """The first ungrounded id, number or date of an answer, with its kind."""
    percents: set[str] | None = None
    for word in spoken:
        kind = grounded_kind(word)
        if kind is None or not settings.refuses(kind) or _is_known(word, known.words):
            continue
        if kind is Grounded.NUMBERS:
            percents = percentages(text) if percents is None else percents
            if known.derives(word, percent=word in percents):
                continue
        return word, kind
    return None


def grounded_kind(word: str) -> Grounded | None:
    """The kind of value that a word is and that must be grounded; None for a plain word."""
    if is_identifier(word):
        return Grounded.IDS
    if not is_number(word):
        return None
    if sum(map(str.isdigit, word)) > _LONGEST_NUMBER and not any(mark in word for mark in "-:/"):
        return Grounded.IDS
    if amounts(word):
        return Grounded.NUMBERS
    return Grounded.IDS if word.isdigit() else Grounded.DATES


def _is_known(word: str, known: GroundingText) -> bool:
    return known.contains_number(word) if is_number(word) else known.contains(word)


def _unread_id(text: str, read: GroundingText) -> str | None:
    """The first id that a statement names and that no call or result contains."""
    named = (word for sentence in statements(text) for word in words(sentence) if is_identifier(word))
    return next((word for word in named if not read.in_run(word)), None)


def _read_texts(messages: Sequence[Message]) -> GroundingText:
    """The arguments and results of the whole run: an agent may speak before it calls."""
    read = GroundingText()
    for message in messages:
        for text in (message.text,) if message.role is Role.TOOL else (c.arguments_json for c in message.tool_calls):
            read.add_text(text)
    return read


def _unread_cursor(message: Message, known: GroundingText) -> str | None:
    """The first cursor that a call takes and no message gave: a page that nobody can have known of."""
    for call in message.tool_calls:
        for name, value, _ in leaves(decoded(call.arguments_json), {}):
            if isinstance(value, str) and value and _CURSOR.search(name) and not known.in_run(value.casefold()):
                return value
    return None


def _choice(message: Message, known: GroundingText, asked: GroundingText, schemas: Schemas) -> str | None:
    """A message on the first choice that nobody named although the user named another one of that parameter.

    What a result holds names nothing: a record says `low` when the user asks for another priority, perhaps in words of
    another language than the catalog's.
    """
    for call in message.tool_calls:
        for name, value, choices in _chosen(call, schemas):
            if not known.in_run(value.casefold()):
                named = [other for other in choices if other.casefold() not in value.casefold()]
                named = [other for other in named if asked.in_run(other.casefold())]
                if named:
                    return f"{call.name} takes {name} {value!r}, but {named[0]!r} was named"
    return None


def _chosen(call: ToolCall, schemas: Schemas) -> Iterator[tuple[str, str, list[str]]]:
    """Arguments whose schema lists text choices, each with the other choices."""
    for name, value, schema in leaves(decoded(call.arguments_json), schemas.get(call.name, {})):
        choices = schema.get("enum")
        if isinstance(value, str) and isinstance(choices, list):
            yield name, value, [choice for choice in choices if isinstance(choice, str) and choice != value]


def _fault(fault: Fault, reason: str, kind: Grounded) -> Violation:
    return Violation(rule=Rule.GROUNDING, fault=fault, reason=f"{reason}; {accept_hint(kind)}")
