"""Values in a text by their kind, and which value of one text stands where a value of another text stands.

Invariant: kinds are shapes of words (an id, a mail address, a number, a quoted text, a name), of any agent: no tool and
no field of an agent is named here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache

_ENTITY = re.compile(
    r'(?P<text>"[^"]+"|“[^”]+”|„[^“”]+[“”]|«[^»]+»)'
    r"|(?P<email>[\w.+-]+@[\w-]+(?:\.[\w-]+)+)"
    r"|(?P<date>\b\d{4}-\d\d-\d\d\b)|(?P<time>\b\d{1,2}:\d\d\b)"
    r"|(?P<id>\b(?=[\w-]*\d)[A-Za-z]+(?:[-_][A-Za-z0-9]+)+\b|\b[A-Za-z]{1,5}\d{2,}\b)"
    r"|(?P<dashed>\b\d+(?:-\d+)+\b)|(?P<number>-?\b\d+(?:[.,]\d+)?\b)"
    r"|(?P<word>[^\W\d_]+(?:['’][^\W\d_]+)?)|(?P<other>[^\s])"
)
_NUMBERS = {name: str(n) for n, name in enumerate(
    ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"])}  # fmt: skip


@dataclass(frozen=True)
class Token:
    """A word or a value of a text. `kind` stands for it where texts are compared: a word's is itself in lower case."""

    kind: str
    text: str
    start: int
    end: int

    @property
    def is_value(self) -> bool:
        """Whether its shape says that it is a value."""
        return self.kind.startswith("<")


@lru_cache(maxsize=100_000)
def tokens(text: str) -> tuple[Token, ...]:
    """The words and values of a text."""
    found = []
    for match in _ENTITY.finditer(text):
        shape, piece = match.lastgroup or "other", match.group()
        if shape == "other":
            continue
        kind, value = f"<{shape}>", piece
        if shape == "text":
            value = piece[1:-1]
        elif shape == "id":
            kind = f"<id {re.split('[-_0-9]', piece)[0].upper()}>"
        elif shape == "word":
            begins = not text[: match.start()].rstrip() or text[: match.start()].rstrip()[-1] in ".!?:;("
            named = piece[0].isupper() and not begins
            kind = "<name>" if named else piece.casefold()
            if piece.casefold() in _NUMBERS:
                kind, value = "<number>", _NUMBERS[piece.casefold()]
        found.append(Token(kind, value, match.start(), match.end()))
    return tuple(found)


def values(text: str, kind: str) -> list[str]:
    """The values of one kind, in order, each once."""
    return list(dict.fromkeys(token.text for token in tokens(text) if token.kind == kind))


def kind_in(value: str, text: str) -> str | None:
    """The kind of a value that a text has as one token."""
    return next((token.kind for token in tokens(text) if token.is_value and _same(token.text, value)), None)


def counterpart(value: str, theirs: str, ours: str) -> str | None:
    """What stands in our text where a value stands in theirs; None where their text lacks it or ours has no such place.

    Words around it decide: equal words are aligned, and what lies between the same neighbours corresponds. A value
    between no equal words corresponds to the value of its kind with the same rank.
    """
    there, here = tokens(theirs), tokens(ours)
    span = _span(value, there)
    if span is None:
        return None
    first, last = span
    if first + 1 == last and there[first].is_value:
        return _by_kind(there, first, here)
    return _between(there, first, last, here, ours)


def _span(value: str, there: tuple[Token, ...]) -> tuple[int, int] | None:
    """The places of a value's tokens in a text."""
    wanted = [token.text.casefold() for token in tokens(value)] or [value.casefold()]
    whole = next((at for at, token in enumerate(there) if _same(token.text, value)), None)
    if whole is not None:
        return whole, whole + 1
    words = [token.text.casefold() for token in there]
    for at in range(len(words) - len(wanted) + 1):
        if words[at : at + len(wanted)] == wanted:
            return at, at + len(wanted)
    return None


def _by_kind(there: tuple[Token, ...], at: int, here: tuple[Token, ...]) -> str | None:
    kind = there[at].kind
    same = [place for place, token in enumerate(here) if token.kind == kind]
    if not same:
        return None
    blocks = SequenceMatcher(
        None, [t.kind for t in there], [t.kind for t in here], autojunk=False
    ).get_matching_blocks()
    for block in blocks:
        neighbours = there[block.a : block.a + block.size]
        if block.a <= at < block.a + block.size and any(not token.is_value for token in neighbours):
            return here[block.b + at - block.a].text
    theirs = list(dict.fromkeys(token.text for token in there if token.kind == kind))
    ours = list(dict.fromkeys(here[place].text for place in same))
    return ours[min(theirs.index(there[at].text), len(ours) - 1)]


def _between(there: tuple[Token, ...], first: int, last: int, here: tuple[Token, ...], ours: str) -> str | None:
    """The text between the words that stand before and after the value."""
    matcher = SequenceMatcher(None, [t.kind for t in there], [t.kind for t in here], autojunk=False)
    for tag, a1, a2, b1, b2 in matcher.get_opcodes():
        if tag == "equal" and a1 <= first and last <= a2:
            return ours[here[b1 + first - a1].start : here[b1 + last - 1 - a1].end]
        if tag == "replace" and a1 <= first and last <= a2:
            before, after = first - a1, a2 - last
            if b2 - b1 > before + after:
                return ours[here[b1 + before].start : here[b2 - 1 - after].end]
    return None


def _same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()
