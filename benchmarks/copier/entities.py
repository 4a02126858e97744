"""Values in a text by their kind, and which value of one text stands where a value of another text stands.

Invariant: kinds are shapes of words (an id, a mail address, a number, a quoted text) of any agent, and what the logs
themselves show to be values: texts that were arguments, and words that no log has outside of arguments. No tool and no
field of an agent is named here.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from benchmarks.copier.runs import Run

VALUE = "<value>"
"""A text that is a value by what the logs show, or a name."""

TEMPLATE_RUNS = 3
"""Runs that have a word outside of arguments, from which it is a word of requests and no value."""

_SHAPE = re.compile(
    r'(?P<text>"[^"]+"|“[^”]+”|„[^“”]+[“”]|«[^»]+»)'
    r"|(?P<email>[\w.+-]+@[\w-]+(?:\.[\w-]+)+)"
    r"|(?P<date>\b\d{4}-\d\d-\d\d\b)|(?P<time>\b\d{1,2}:\d\d\b)"
    r"|(?P<id>\b(?=[\w-]*\d)[A-Za-z]+(?:[-_][A-Za-z0-9]+)+\b|\b[A-Za-z]{1,5}\d{2,}\b)"
    r"|(?P<dashed>\b\d+(?:-\d+)+\b)|(?P<number>-?\b\d+(?:[.,]\d+)?\b)"
    r"|(?P<word>[^\W\d_]+(?:'[^\W\d_]+)?)"
)
_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


@dataclass(frozen=True)
class Token:
    """A word or a value of a text. `kind` stands for it where texts are compared: a word's is itself in lower case."""

    kind: str
    text: str
    start: int
    end: int

    @property
    def is_value(self) -> bool:
        """Whether it is a value by its shape or by the logs."""
        return self.kind.startswith("<")


class Lexer:
    """Splits texts into words and values, by what a set of runs shows."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self._known: frozenset[str] = frozenset()
        self._template: frozenset[str] = frozenset()
        self._cache: dict[str, tuple[Token, ...]] = {}
        found: Counter[str] = Counter()
        outside: Counter[str] = Counter()
        for run in runs:
            said = "\n".join(turn.said for turn in run.turns)
            arguments = {
                text.casefold() for turn in run.turns for step in turn.steps for call in step
                for text in _texts(call.arguments) if text.casefold() in said.casefold()
            }  # fmt: skip
            found.update(arguments)
            inside = {word for text in arguments for word in re.findall(r"\w+", text)}
            outside.update(set(re.findall(r"\w+", said.casefold())) - inside)
            written = [call.result for turn in run.turns for step in turn.steps for call in step if call.is_error]
            written += [turn.answer for turn in run.turns]
            values = {word for turn in run.turns for step in turn.steps for call in step
                      for text in _texts([call.arguments, call.result]) if text not in written
                      for word in re.findall(r"\w+", text.casefold())}  # fmt: skip
            outside.update(set(re.findall(r"\w+", " ".join(map(str, written)).casefold())) - inside - values)
        self._template = frozenset(word for word, n in outside.items() if n >= TEMPLATE_RUNS)
        self._known = frozenset(text for text in found if not set(re.findall(r"\w+", text)) <= self._template)

    def tokens(self, text: str) -> tuple[Token, ...]:
        """The words and values of a text."""
        if text not in self._cache:
            self._cache[text] = tuple(self._joined(text))
        return self._cache[text]

    def values(self, text: str, kind: str) -> list[str]:
        """The values of one kind, in order, each once."""
        return list(dict.fromkeys(token.text for token in self.tokens(text) if token.kind == kind))

    def kind_in(self, value: str, text: str) -> str | None:
        """The kind of a value that a text has as one token."""
        same = (token.kind for token in self.tokens(text) if token.is_value and _same(token.text, value))
        return next(same, None)

    def mentions(self, said: str, value: str) -> bool:
        """Whether a text has a value as whole words."""
        return bool(value.strip()) and self._span(value, self.tokens(said), said) is not None

    def counterpart(self, value: str, theirs: str, ours: str) -> str | None:
        """What stands in our text where a value stands in theirs; None where their text lacks it or ours has no place.

        Words around it decide: equal words are aligned, and what lies between the same neighbours corresponds. A value
        between no equal words corresponds to the value of its kind with the same rank.
        """
        there, here = self.tokens(theirs), self.tokens(ours)
        span = self._span(value, there, theirs)
        if span is None:
            return None
        first, last = span
        if first + 1 == last and there[first].is_value:
            return _by_kind(there, first, here)
        return _between(there, first, last, here, ours)

    def _span(self, value: str, there: tuple[Token, ...], theirs: str) -> tuple[int, int] | None:
        """The places of a value's tokens in a text."""
        whole = next((at for at, token in enumerate(there) if _same(token.text, value)), None)
        if whole is not None:
            return whole, whole + 1
        start = re.search(rf"(?<!\w){re.escape(value)}(?!\w)", theirs, re.IGNORECASE)
        if start is None:
            return None
        inside = [at for at, token in enumerate(there) if token.start < start.end() and token.end > start.start()]
        return (inside[0], inside[-1] + 1) if inside else None

    def _joined(self, text: str) -> Iterator[Token]:
        """Known values of several words, and neighbouring words that no request has, are one token."""
        pieces = list(self._pieces(text))
        at = 0
        while at < len(pieces):
            end = next((e for e in range(min(len(pieces), at + 8), at, -1) if self._is_known(pieces[at:e], text)), None)
            if end is None and _is_new_word(pieces[at], text):
                end = at + 1
                while (
                    end < len(pieces)
                    and _is_new_word(pieces[end], text)
                    and _adjacent(*pieces[end - 1 : end + 1], text)
                ):
                    end += 1
            if end is None:
                yield pieces[at]
                at += 1
            else:
                start, stop = pieces[at].start, pieces[end - 1].end
                yield Token(VALUE, text[start:stop], start, stop)
                at = end

    def _is_known(self, pieces: Sequence[Token], text: str) -> bool:
        if any(piece.is_value and piece.kind != VALUE for piece in pieces):
            return False
        return text[pieces[0].start : pieces[-1].end].casefold() in self._known

    def _pieces(self, text: str) -> Iterator[Token]:
        for match in _SHAPE.finditer(text):
            shape, piece = match.lastgroup or "", match.group()
            kind, value = f"<{shape}>", piece
            if shape == "text":
                kind, value = VALUE, piece[1:-1]
            elif shape == "id":
                kind = f"<id {re.split('[-_0-9]', piece)[0].upper()}>"
            elif shape == "word":
                word = piece.casefold()
                kind = word if word in self._template else VALUE
                if word in _NUMBERS:
                    kind, value = "<number>", str(_NUMBERS.index(word))
            yield Token(kind, value, match.start(), match.end())


def _is_new_word(piece: Token, text: str) -> bool:
    """Whether it is a value for the reason that no request has the word; a quoted text ends where its quotes do."""
    return piece.kind == VALUE and text[piece.start : piece.end] == piece.text


def _adjacent(one: Token, other: Token, text: str) -> bool:
    return not text[one.end : other.start].strip()


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    elif isinstance(value, str) and value.strip():
        yield value


def _by_kind(there: tuple[Token, ...], at: int, here: tuple[Token, ...]) -> str | None:
    kind = there[at].kind
    same = [place for place, token in enumerate(here) if token.kind == kind]
    if not same:
        return None
    matcher = SequenceMatcher(None, [t.kind for t in there], [t.kind for t in here], autojunk=False)
    for block in matcher.get_matching_blocks():
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
