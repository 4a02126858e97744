"""A text with its JSON escapes resolved, and a map from each character back to the text as written.

Invariant: a span of an unescaped text maps to whole escapes, so that a replacement never cuts one in two. Text is
searched level by level, because arguments are JSON text and results may hold JSON in JSON. Taking a backslash of
ordinary text for an escape does no harm: the levels above are searched too.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass

_ESCAPE = re.compile(r'\\(?:u[0-9a-fA-F]{4}|["\\/bfnrt])')
_MEANS = {'\\"': '"', "\\\\": "\\", "\\/": "/", "\\b": "\b", "\\f": "\f", "\\n": "\n", "\\r": "\r", "\\t": "\t"}
_ESCAPE_LETTERS = frozenset("bfnrt")
_MAX_DEPTH = 6
"""Levels of JSON text in JSON text: logs of agents have been seen with two."""


@dataclass(frozen=True, kw_only=True)
class UnescapedText:
    """A text and its segments in the text above: segment i starts at `here[i]` in this text and at `there[i]` above."""

    text: str
    here: list[int]
    there: list[int]
    above: UnescapedText | None

    @property
    def top(self) -> UnescapedText:
        """The text as written."""
        return self if self.above is None else self.above.top

    def written(self, start: int, end: int) -> tuple[int, int]:
        """The span of the text as written that a span of this one comes from."""
        view: UnescapedText | None = self
        while view is not None:
            start, end = _along(view.here, view.there, start), _along(view.here, view.there, end)
            view = view.above
        return start, end

    def read(self, start: int, end: int) -> tuple[int, int]:
        """A span of the text above as a span of this one."""
        return _along(self.there, self.here, start), _along(self.there, self.here, end)

    def begins_inside_an_escape(self, start: int) -> bool:
        """Whether a position's character belongs to an escape of this text, or may belong to one of a text below.

        After an odd number of backslashes it is this text's. After an even one it is a letter here, and with the
        escaped backslash before it an escape one or more levels below, where the value is found without the letter.
        """
        slashes = 0
        while start - slashes > 0 and self.text[start - slashes - 1] == "\\":
            slashes += 1
        return slashes % 2 == 1 or (slashes > 0 and self.text[start : start + 1] in _ESCAPE_LETTERS)


def unescape_levels(text: str) -> list[UnescapedText]:
    """The text as written, then with its escapes resolved once, twice, ... as long as it has any."""
    found = [UnescapedText(text=text, here=[0], there=[0], above=None)]
    while "\\" in found[-1].text and len(found) <= _MAX_DEPTH:
        below = _resolved(found[-1])
        if below is None:
            break
        found.append(below)
    return found


def _resolved(above: UnescapedText) -> UnescapedText | None:
    pieces: list[str] = []
    here, there, length, last = [0], [0], 0, 0
    for escape in _ESCAPE.finditer(above.text):
        pieces += (above.text[last : escape.start()], _meaning(escape.group()))
        length += escape.start() - last
        here += (length, length + 1)
        there += escape.span()
        length, last = length + 1, escape.end()
    if not last:
        return None
    return UnescapedText(text="".join((*pieces, above.text[last:])), here=here, there=there, above=above)


def _meaning(escape: str) -> str:
    meant = _MEANS.get(escape) or chr(int(escape[2:], 16))
    return "\ufffd" if "\ud800" <= meant <= "\udfff" else meant


def _along(from_: list[int], to: list[int], at: int) -> int:
    piece = bisect_right(from_, at) - 1
    return to[piece] + at - from_[piece]
