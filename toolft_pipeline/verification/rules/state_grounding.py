"""The second half of rule 6, for runs with a sandbox: values of the backend are read before they are used.

Invariant: in an accepted run no id, address or name of the backend's initial state occurs in arguments or answers
before a message or the catalog contains it; nor does an answer state about an id what its record in the state might say
and no message contains. Only the state can tell such values from words that an agent may choose freely; numbers, dates
and other plain words, which anybody may say, are left out.
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
"""An object of the state: the texts of each field, or of the list in it."""

_LONGEST = 4
"""Most words of a name in an answer."""


class UngroundedValue(Struct, frozen=True, kw_only=True):
    """A value that no earlier message contains when the agent uses it; `of` is the id that a statement is about."""

    value: str
    place: int
    of: str | None = None


def ungrounded_values(
    messages: Sequence[Message], *, schemas: Schemas, catalog_words: GroundingText | None = None
) -> list[UngroundedValue]:
    """Values that the agent used before anything mentioned them and that only the backend might know, in order.

    `catalog_words` as in `check_grounding`.
    """
    known = GroundingText(before=words_of(schemas) if catalog_words is None else catalog_words)
    ungrounded: list[UngroundedValue] = []
    for place, message in enumerate(messages):
        if message.role is not Role.ASSISTANT:
            known.add_text(message.text)
            if any(part.image_sha256 is not None for part in message.content):
                break  # an image may contain anything
            continue
        used = [UngroundedValue(value=value, place=place) for value in _names(message, schemas)]
        ungrounded += [each for each in used if not known.contains(each.value.casefold())]
        stated = [UngroundedValue(value=value, place=place, of=of) for of, value in _stated(message.text)]
        ungrounded += [each for each in stated if not known.in_run(each.value.casefold())]
        for call in message.tool_calls:
            known.add_text(call.arguments_json)
    return ungrounded


def check_backend_values(ungrounded: Sequence[UngroundedValue], *, state: str) -> Violation | None:
    """The first ungrounded value that occurs in the initial state (JSON text), if any.

    A name counts wherever the state has it, a word about an id if it is a value of a field of the id's record:
    "C-1 is not blocked" is a claim about C-1's status, true or not.
    """
    records = list(_records(decoded(state)))
    values: defaultdict[str, set[str]] = defaultdict(set)
    for record in records:
        for field, texts in record.items():
            values[field] |= texts
    for each in ungrounded:
        fields = values if each.of is None else _fields_of(each.of, records)
        if any(each.value in values[field] for field in fields):
            about = f" of {each.of!r}" if each.of else ""
            reason = (
                f"message {each.place} uses {each.value!r}{about} from the backend, which no earlier message contains"
            )
            return Violation(
                rule=Rule.GROUNDING,
                fault=Fault.UNREAD_VALUE,
                reason=f"{reason}; {accept_hint(Grounded.BACKEND_VALUES)}",
            )
    return None


def _fields_of(id_: str, records: Sequence[Record]) -> set[str]:
    """The fields of the records that contain an id."""
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
    """Names among arguments, except choices that the catalog lists, and among an answer's words."""
    for call in message.tool_calls:
        for _, value, schema in leaves(decoded(call.arguments_json), schemas.get(call.name, {})):
            if isinstance(value, str) and "enum" not in schema and _is_name(value):
                yield value
    for sentence in statements(message.text, questions=True):
        yield from _names_of_sentence(raw_words(sentence))


def _is_name(value: str) -> bool:
    """An id or address, a name in capitals, or several words."""
    return value.istitle() or " " in value or is_identifier(value.casefold())


def _names_of_sentence(spoken: Sequence[str]) -> Iterator[str]:
    """Ids of a sentence and its runs of capitalized words; a single such word is a name unless it comes first."""
    yield from (word for word in spoken if is_identifier(word.casefold()))
    for start in range(len(spoken)):
        for end in range(start + 1, min(start + _LONGEST, len(spoken)) + 1):
            if not spoken[end - 1].istitle():
                break
            if end > 1:
                yield " ".join(spoken[start:end])


def _stated(text: str) -> Iterator[tuple[str, str]]:
    """Each id of a statement with each plain word of the same sentence."""
    for sentence in statements(text):
        spoken = raw_words(sentence)
        ids = [word for word in spoken if is_identifier(word.casefold())]
        yield from ((of, word) for of in ids for word in spoken if word.isalpha())
