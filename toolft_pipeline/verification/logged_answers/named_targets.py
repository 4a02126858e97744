"""Whether calls act on what the user named: an id out of nowhere, while the one that he named is left alone.

Invariant: only an id of the same form as a named one counts (O-4711 and O-4712, two numbers of six digits, two
addresses), only if no earlier text of the run holds it, and only if no call of the run uses the named one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from toolft_pipeline.trajectories.grounding_text import decoded, is_identifier, leaves, words
from toolft_pipeline.trajectories.record import Message, Role

_SHORTEST_NUMBER = 4
"""Fewest digits of a number that is taken for an id; amounts, years and counts are mostly shorter, and a field must be
named like one."""
_ID_FIELD = re.compile(
    r"(?:^|_)(?:id|ids|number|no|nr|num|code|key|ref|reference|account|order|booking|ticket)$|(?-i:[a-z]Id)$", re.I
)
_MAYBE_ID = re.compile(r"[^\s\"',:{}\[\]]*(?:\d|@)[^\s\"',:{}\[\]]*")
_OWN_ID = re.compile(
    r"\b(?:my|our|mein\w*|mon|ma|mi|mijn|il mio) (?:\w+[ _])?(?:id|user(?:name)?|login|kennung|identifiant|"
    r"usuario|utente)\W+"
    r"(?:is|ist|est|es|\u00e8|=)?\W*[\w.@-]+",
    re.IGNORECASE,
)
"""Who the user is, which is seldom what a call acts on."""
_ID_SIGN = re.compile(r"[\d@]")
_RUNS = re.compile(r"\d+|[^\W\d_]+")
_PLAIN = re.compile(r"[\W_]+")


def unnamed_target(messages: Sequence[Message]) -> tuple[int, str, str] | None:
    """The first call's message number, the id that it acts on and the named one that no call uses, if any."""
    if not _holds_new_id(messages):
        return None
    known: list[str] = []
    named: dict[str, list[str]] = {}
    used: set[str] | None = None
    for place, message in enumerate(messages):
        if any(part.image_sha256 is not None for part in message.content):
            return None
        if message.role is Role.USER:
            for word in dict.fromkeys(words(_OWN_ID.sub(" ", message.text))):
                if (form := _form(word)) is not None:
                    named.setdefault(form, []).append(word)
        if named and message.tool_calls:
            for id_ in _targets(message):
                candidates = named.get(_form(id_) or "", [])
                if not candidates or _is_known(id_, known):
                    continue
                used = _used(messages) if used is None else used
                left = next((each for each in candidates if _plain(each) not in used and _is_like(each, id_)), None)
                if left is not None:
                    return place, id_, left
        known.append(message.text.casefold())
        known.extend(call.arguments_json.casefold() for call in message.tool_calls)
    return None


def _holds_new_id(messages: Sequence[Message]) -> bool:
    """Whether the user names something like an id, and a call has another one: the quick way past most runs."""
    said = "\n".join([message.text for message in messages if message.role is Role.USER]).casefold()
    if not _ID_SIGN.search(said):
        return False
    for message in messages:
        for call in message.tool_calls:
            for word in _MAYBE_ID.findall(call.arguments_json):
                if word not in said and word.casefold() not in said:
                    return True
    return False


def _targets(message: Message) -> Iterator[str]:
    """The ids among a message's arguments, in lower case."""
    for call in message.tool_calls:
        for name, value, _ in leaves(decoded(call.arguments_json), {}):
            if isinstance(value, bool) or not isinstance(value, str | int):
                continue
            text = str(value).casefold()
            if (is_identifier(text) and not re.search(r"\s", text)) or (
                text.isdigit() and len(text) >= _SHORTEST_NUMBER and _ID_FIELD.search(name)
            ):
                yield text


def _form(word: str) -> str | None:
    """The form of an id: letters before the first digit and the number of digits; None for a plain word."""
    if "@" in word:
        return "@"
    if word.isdigit():
        return f"#{len(word)}" if len(word) >= _SHORTEST_NUMBER else None
    if not is_identifier(word):
        return None
    return "".join(
        "0" * len(run) if run.isdigit() else run if run == _RUNS.findall(word)[0] else "a"
        for run in _RUNS.findall(word)
    )


def _is_like(named: str, id_: str) -> bool:
    """Whether one id may stand for another: an address of the same name or domain, any other id of the same form.

    Two numbers that are one as 64-bit floats are the same id, which a logger has rounded.
    """
    if "@" in id_:
        return not {*named.split("@")}.isdisjoint(id_.split("@"))
    return not (named.isdigit() and id_.isdigit() and float(named) == float(id_))


def _is_known(id_: str, known: Sequence[str]) -> bool:
    plain = _plain(id_)
    return any(id_ in text or plain in _plain(text) for text in known)


def _used(messages: Sequence[Message]) -> set[str]:
    """All scalars of the arguments of the run, without punctuation, and the words in them."""
    found: set[str] = set()
    for message in messages:
        for call in message.tool_calls:
            for _, value, _ in leaves(decoded(call.arguments_json), {}):
                text = str(value).casefold()
                found.add(_plain(text))
                found.update(_plain(word) for word in words(text))
    return found


def _plain(text: str) -> str:
    return _PLAIN.sub("", text)
