"""The other half of rule 6, for runs with a sandbox: what only the backend knew was read before it was used.

Invariant: in an accepted run no id, address or name that stands in the backend's initial state is used as an
argument, or told in an answer, before a message or the catalog told it; nor does an answer state of an id what its
record in the state might say and no message told. The state tells such values from words that an agent may choose
freely, which no text alone can; numbers, dates and other plain words, which anybody may say, are left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct

from toolft_pipeline.settings import Grounded
from toolft_pipeline.trajectories.grounding_text import GroundingText, decoded, is_identifier, leaves, raw_words
from toolft_pipeline.trajectories.record import Message, Role
from toolft_pipeline.verification.rules.catalog_words import Schemas, words_of
from toolft_pipeline.verification.rules.grounding import accept_hint, statements
from toolft_pipeline.verification.rules.verdict import Fault, Rule, Violation

Record = dict[str, set[str]]
"""An object of the state: the texts of each field, those of a list among them."""

_LONGEST = 4
"""Words of a name in an answer at most."""


class UngroundedValue(Struct, frozen=True, kw_only=True):
    """A value that no message had told when the agent used it; `of` is the id that a statement is about."""

    value: str
    place: int
    of: str | None = None


def ungrounded_values(
    messages: Sequence[Message], *, schemas: Schemas, catalog_words: GroundingText | None = None
) -> list[UngroundedValue]:
    """Values that the agent used before anything mentioned them and that only the backend might know, in order.

    `catalog_words` as in `check_grounding`.
    """
    told = GroundingText(before=words_of(schemas) if catalog_words is None else catalog_words)
    found: list[UngroundedValue] = []
    for place, message in enumerate(messages):
        if message.role is not Role.ASSISTANT:
            told.add_text(message.text)
            if any(part.image_sha256 is not None for part in message.content):
                break  # a picture may have told anything
            continue
        used = [UngroundedValue(value=value, place=place) for value in _names(message, schemas)]
        found += [suspect for suspect in used if not told.contains(suspect.value.casefold())]
        stated = [UngroundedValue(value=value, place=place, of=of) for of, value in _stated(message.text)]
        found += [suspect for suspect in stated if not told.in_run(suspect.value.casefold())]
        for call in message.tool_calls:
            told.add_text(call.arguments_json)
    return found


def check_backend_values(suspects: Sequence[UngroundedValue], *, state: str) -> Violation | None:
    """The first suspect that only the initial state (JSON text) could have told, if any.

    A name is one where it stands in the state, a word said of an id where it is a value of a field that the id's
    record has: "C-1 is not blocked" is a claim on C-1's status, true or not.
    """
    records = list(_records(decoded(state)))
    values: defaultdict[str, set[str]] = defaultdict(set)
    for record in records:
        for field, texts in record.items():
            values[field] |= texts
    for suspect in suspects:
        fields = values if suspect.of is None else _fields_of(suspect.of, records)
        if any(suspect.value in values[field] for field in fields):
            about = f" of {suspect.of!r}" if suspect.of else ""
            reason = f"message {suspect.place} has {suspect.value!r}{about}, which the backend knew and no message told"
            return Violation(
                rule=Rule.GROUNDING,
                fault=Fault.UNREAD_VALUE,
                reason=f"{reason}; {accept_hint(Grounded.BACKEND_VALUES)}",
            )
    return None


def _fields_of(id_: str, records: Sequence[Record]) -> set[str]:
    """The fields of the records in which an id stands."""
    return {field for record in records if any(id_ in texts for texts in record.values()) for field in record}


def _records(value: Any) -> Iterator[Record]:
    """The objects of a state."""
    if isinstance(value, list):
        for inner in value:
            yield from _records(inner)
    elif isinstance(value, dict):
        listed = {field: inner if isinstance(inner, list) else [inner] for field, inner in value.items()}
        yield {field: {text for text in inner if isinstance(text, str)} for field, inner in listed.items()}
        yield from _records(list(value.values()))


def _names(message: Message, schemas: Schemas) -> Iterator[str]:
    """Names among whole arguments, but for those that the catalog lists as choices, and among an answer's words."""
    for call in message.tool_calls:
        for _, value, schema in leaves(decoded(call.arguments_json), schemas.get(call.name, {})):
            if isinstance(value, str) and "enum" not in schema and _is_name(value):
                yield value
    for sentence in statements(message.text, questions=True):
        yield from _said(raw_words(sentence))


def _is_name(value: str) -> bool:
    """An id or address, a name in capitals, or several words."""
    return value.istitle() or " " in value or is_identifier(value.casefold())


def _said(spoken: Sequence[str]) -> Iterator[str]:
    """Ids of a sentence, and its runs of capitalized words; one such word alone is a name unless it comes first."""
    yield from (word for word in spoken if is_identifier(word.casefold()))
    for start in range(len(spoken)):
        for end in range(start + 1, min(start + _LONGEST, len(spoken)) + 1):
            if not spoken[end - 1].istitle():
                break
            if end > 1:
                yield " ".join(spoken[start:end])


def _stated(text: str) -> Iterator[tuple[str, str]]:
    """Each id of a statement with each plain word beside it."""
    for sentence in statements(text):
        spoken = raw_words(sentence)
        ids = [word for word in spoken if is_identifier(word.casefold())]
        yield from ((of, word) for of in ids for word in spoken if word.isalpha())
