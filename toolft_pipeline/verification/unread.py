"""The other half of rule 6, for runs with a sandbox: what only the backend knew was read before it was used.

Invariant: in an accepted run no id, address or name that stands in the backend's initial state is used as an
argument, or told in an answer, before a message told it. The state tells names from words that an agent may choose
freely, which no text alone can; plain single words, numbers and dates, which anybody may say, are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from toolft_pipeline.trajectories.record import Message, Role
from toolft_pipeline.verification.grounding import MEND, SENTENCE_END, Schemas
from toolft_pipeline.verification.told import Told, decoded, is_identifier, leaves, raw_words
from toolft_pipeline.verification.verdict import Fault, Finding, Rule

_LONGEST = 4
"""Words of a name in an answer at most."""


def untold(messages: Sequence[Message], *, schemas: Schemas) -> dict[str, int]:
    """What the agent used that might be a name and that no message had told, with the message that used it first."""
    told = Told()
    found: dict[str, int] = {}
    for place, message in enumerate(messages):
        if message.role is not Role.ASSISTANT:
            told.hear(message.text)
            continue
        for value in (*_asked_for(message, schemas), *_said(message.text)):
            if _is_name(value) and not told.has(value.casefold()):
                found.setdefault(value, place)
    return found


def check_unread(suspects: Mapping[str, int], *, state: str) -> Finding | None:
    """The first suspect that stands as a value in the initial state (JSON text), if any."""
    values = {value for _, value, _ in leaves(decoded(state), {}) if isinstance(value, str)}
    for name, place in suspects.items():
        if name in values:
            reason = f"message {place} uses {name!r}, which stands in the backend and in no message before it"
            return Finding(rule=Rule.GROUNDING, fault=Fault.UNREAD_VALUE, reason=f"{reason}; {MEND}")
    return None


def _is_name(value: str) -> bool:
    """An id or address, a name in capitals, or several words."""
    return value.istitle() or " " in value or is_identifier(value.casefold())


def _asked_for(message: Message, schemas: Schemas) -> Iterator[str]:
    """Whole arguments, but for those that the catalog lists as choices."""
    for call in message.tool_calls:
        for _, value, schema in leaves(decoded(call.arguments_json), schemas.get(call.name, {})):
            if isinstance(value, str) and "enum" not in schema:
                yield value


def _said(text: str) -> Iterator[str]:
    """Ids of an answer, and its runs of capitalized words; one such word alone is a name where no sentence begins."""
    for sentence in SENTENCE_END.split(text):
        spoken = raw_words(sentence)
        yield from (word for word in spoken if is_identifier(word.casefold()))
        for start in range(len(spoken)):
            for end in range(start + 1, min(start + _LONGEST, len(spoken)) + 1):
                if not spoken[end - 1].istitle():
                    break
                if end > 1:
                    yield " ".join(spoken[start:end])
