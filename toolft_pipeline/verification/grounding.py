"""Rule 6: what an agent says and asks for was told to it.

Invariant: in an accepted run every number, id and address of an answer stands in an earlier message; no answer
states something about an id that no call asked about and no result told; and where the user named one choice of a
parameter, no call takes another one that nobody named. Replay cannot see these: a read that is missing from the log
changes no state and no other result, and the answer that rests on it would teach a model to invent. What a picture
tells no rule can read, so what is said behind one is believed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from toolft_pipeline.trajectories.record import Message, Role, ToolCall
from toolft_pipeline.trajectories.told import Told, decoded, is_identifier, is_number, leaves, words
from toolft_pipeline.verification.verdict import Fault, Finding, Rule

Schemas = Mapping[str, Mapping[str, Any]]
"""The schema of each tool's arguments, by name."""

MEND = "a call may be missing from the log; verification.grounding: false keeps such runs"

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


def check_grounding(messages: Sequence[Message], *, schemas: Schemas) -> Finding | None:
    """The first thing that the agent could not know, if any."""
    told = Told()
    asked: Told | None = None
    for place, message in enumerate(messages):
        if message.role is not Role.ASSISTANT:
            told.hear(message.text, result=message.role is Role.TOOL)
            for part in message.content:
                if part.image_sha256 is not None:
                    return None
            continue
        found = _choice(message, told, schemas)
        if found is not None:
            return _fault(Fault.UNGROUNDED_CHOICE, f"message {place}: {found}")
        spoken = words(message.text)
        if (word := _untold(spoken, told)) is not None:
            return _fault(Fault.UNGROUNDED_ANSWER, f"message {place} says {word!r}, and no message before it does")
        if any(map(is_identifier, spoken)):
            asked = asked or _asked(messages)
            if (word := _unasked(message.text, asked)) is not None:
                reason = f"message {place} states something about {word!r}, and no call asks about it"
                return _fault(Fault.UNASKED_ANSWER, reason)
        for text in (message.text, *(call.arguments_json for call in message.tool_calls)):
            told.hear(text)
    return None


def statements(text: str, *, questions: bool = False) -> list[str]:
    """The sentences of an answer, without its questions unless they are wanted too."""
    return [part for part in _SENTENCE_END.split(text) if questions or not part.rstrip().endswith("?")]


def _untold(spoken: Sequence[str], told: Told) -> str | None:
    """The first id or number of an answer that nothing told."""
    for word in spoken:
        if not (told.has_number(word) if is_number(word) else not is_identifier(word) or told.has(word)):
            return word
    return None


def _unasked(text: str, asked: Told) -> str | None:
    """The first id that a statement names and that no call touches."""
    named = (word for sentence in statements(text) for word in words(sentence) if is_identifier(word))
    return next((word for word in named if not asked.has(word)), None)


def _asked(messages: Sequence[Message]) -> Told:
    """What calls ask about and results tell, in the whole run: an agent may speak first and call then."""
    asked = Told()
    for message in messages:
        for text in (message.text,) if message.role is Role.TOOL else (c.arguments_json for c in message.tool_calls):
            asked.hear(text)
    return asked


def _choice(message: Message, told: Told, schemas: Schemas) -> str | None:
    """The first choice that nobody named although another choice of the same parameter was named."""
    for call in message.tool_calls:
        for name, value, choices in _chosen(call, schemas):
            if not told.has(value.casefold()):
                named = [other for other in choices if other.casefold() not in value.casefold()]
                named = [other for other in named if told.has(other.casefold())]
                if named:
                    return f"{call.name} takes {name} {value!r} where {named[0]!r} was named, and nothing says why"
    return None


def _chosen(call: ToolCall, schemas: Schemas) -> Iterator[tuple[str, str, list[str]]]:
    """Arguments whose schema lists choices of text, each with the other choices ("paid" within "unpaid" is none)."""
    for name, value, schema in leaves(decoded(call.arguments_json), schemas.get(call.name, {})):
        choices = schema.get("enum")
        if isinstance(value, str) and isinstance(choices, list):
            yield name, value, [choice for choice in choices if isinstance(choice, str) and choice != value]


def _fault(fault: Fault, reason: str) -> Finding:
    return Finding(rule=Rule.GROUNDING, fault=fault, reason=f"{reason}; {MEND}")
