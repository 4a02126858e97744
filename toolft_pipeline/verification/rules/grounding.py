"""Rule 6: what an agent says and asks for was told to it.

Invariant: in an accepted run every number, id and address of an answer stands in an earlier message or in the catalog,
or (a number) follows from told ones by plain arithmetic; no answer
states something about an id that no call asked about and no result told; and where the user named one choice of a
parameter, no call takes another one that nobody named. Replay cannot see these: a read that is missing from the log
changes no state and no other result, and the answer that rests on it would teach a model to invent. What a picture
tells no rule can read, so what is said behind one is believed.
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
"""Digits of a quantity at most; a longer number is an id."""

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


def check_grounding(
    messages: Sequence[Message],
    *,
    schemas: Schemas,
    settings: GroundingSettings | None = None,
    catalog_words: GroundingText | None = None,
) -> Violation | None:
    """The first thing that the agent could not know, if any, of the kinds that the settings refuse (all by default).

    `catalog_words` are the words of the whole catalog, by default those of `schemas`.
    """
    settings = settings or GroundingSettings()
    heard = _Heard(words_of(schemas) if catalog_words is None else catalog_words)
    asked: GroundingText | None = None
    for place, message in enumerate(messages):
        if message.role is not Role.ASSISTANT:
            heard.add_text(message.text, result=message.role is Role.TOOL)
            for part in message.content:
                if part.image_sha256 is not None:
                    return None
            continue
        found = _choice(message, heard.told, schemas) if settings.refuses(Grounded.CHOICES) else None
        if found is not None:
            return _fault(Fault.UNGROUNDED_CHOICE, f"message {place}: {found}", Grounded.CHOICES)
        spoken = words(message.text)
        if (untold := _untold(message.text, spoken, heard, settings)) is not None:
            word, kind = untold
            reason = f"message {place} says {word!r}, and no message before it does"
            return _fault(Fault.UNGROUNDED_ANSWER, reason, kind)
        if settings.refuses(Grounded.IDS) and any(map(is_identifier, spoken)):
            asked = asked or _asked(messages)
            if (id_ := _unasked(message.text, asked)) is not None:
                reason = f"message {place} states something about {id_!r}, and no call asks about it"
                return _fault(Fault.UNASKED_ANSWER, reason, Grounded.IDS)
        for text in (message.text, *(call.arguments_json for call in message.tool_calls)):
            heard.add_text(text)
    return None


class _Heard:
    """What was told so far, as words and as numbers to reckon with."""

    def __init__(self, catalog_words: GroundingText) -> None:
        self.told = GroundingText(before=catalog_words)
        self._waiting: list[str] = []
        self._numbers = Arithmetic()

    def add_text(self, text: str, *, result: bool = False) -> None:
        self.told.add_text(text, result=result)
        self._waiting.append(text)

    def gives(self, word: str, *, percent: bool) -> bool:
        """Whether an amount follows from told numbers; they are read when the first untold one is met."""
        for text in self._waiting:
            self._numbers.add_text(text)
        self._waiting.clear()
        return any(self._numbers.gives(number, percent=percent) for number in amounts(word))


def accept_hint(kind: Grounded) -> str:
    """What to do about a finding: the smallest setting that keeps such a run."""
    return f"a call may be missing from the log; verification.grounding.{kind.value}: accept keeps such runs"


def statements(text: str, *, questions: bool = False) -> list[str]:
    """The sentences of an answer, without its questions unless they are wanted too."""
    return [part for part in _SENTENCE_END.split(text) if questions or not part.rstrip().endswith("?")]


def _untold(
    text: str, spoken: Sequence[str], heard: _Heard, settings: GroundingSettings
) -> tuple[str, Grounded] | None:
    """The first id, number or date of an answer that nothing told, with its kind."""
    percents: set[str] | None = None
    for word in spoken:
        kind = grounded_kind(word)
        if kind is None or not settings.refuses(kind) or _is_told(word, heard.told):
            continue
        if kind is Grounded.NUMBERS:
            percents = percentages(text) if percents is None else percents
            if heard.gives(word, percent=word in percents):
                continue
        return word, kind
    return None


def grounded_kind(word: str) -> Grounded | None:
    """Which kind of thing a word is that must have been told; None for a plain word."""
    if is_identifier(word):
        return Grounded.IDS
    if not is_number(word):
        return None
    if sum(map(str.isdigit, word)) > _LONGEST_NUMBER and not any(mark in word for mark in "-:/"):
        return Grounded.IDS
    if amounts(word):
        return Grounded.NUMBERS
    return Grounded.IDS if word.isdigit() else Grounded.DATES


def _is_told(word: str, told: GroundingText) -> bool:
    return told.contains_number(word) if is_number(word) else told.contains(word)


def _unasked(text: str, asked: GroundingText) -> str | None:
    """The first id that a statement names and that no call touches."""
    named = (word for sentence in statements(text) for word in words(sentence) if is_identifier(word))
    return next((word for word in named if not asked.in_run(word)), None)


def _asked(messages: Sequence[Message]) -> GroundingText:
    """What calls ask about and results tell, in the whole run: an agent may speak first and call then."""
    asked = GroundingText()
    for message in messages:
        for text in (message.text,) if message.role is Role.TOOL else (c.arguments_json for c in message.tool_calls):
            asked.add_text(text)
    return asked


def _choice(message: Message, told: GroundingText, schemas: Schemas) -> str | None:
    """The first choice that nobody named although another choice of the same parameter was named."""
    for call in message.tool_calls:
        for name, value, choices in _chosen(call, schemas):
            if not told.in_run(value.casefold()):
                named = [other for other in choices if other.casefold() not in value.casefold()]
                named = [other for other in named if told.in_run(other.casefold())]
                if named:
                    return f"{call.name} takes {name} {value!r} where {named[0]!r} was named, and nothing says why"
    return None


def _chosen(call: ToolCall, schemas: Schemas) -> Iterator[tuple[str, str, list[str]]]:
    """Arguments whose schema lists choices of text, each with the other choices ("paid" within "unpaid" is none)."""
    for name, value, schema in leaves(decoded(call.arguments_json), schemas.get(call.name, {})):
        choices = schema.get("enum")
        if isinstance(value, str) and isinstance(choices, list):
            yield name, value, [choice for choice in choices if isinstance(choice, str) and choice != value]


def _fault(fault: Fault, reason: str, kind: Grounded) -> Violation:
    return Violation(rule=Rule.GROUNDING, fault=fault, reason=f"{reason}; {accept_hint(kind)}")
