"""Finds the values of a text that must be replaced.

Invariant: a text that passes no gate costs three linear passes and nothing else; of overlapping matches one is kept,
and a match never begins or ends inside a JSON escape.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, zip_longest

import re2

from toolft_pipeline.settings import RedactionSettings
from toolft_pipeline.verification.redaction.credentials import (
    credential_recognizers,
    custom_recognizers,
    vendor_key_recognizers,
)
from toolft_pipeline.verification.redaction.personal import personal_recognizers
from toolft_pipeline.verification.redaction.recognizer import (
    MatchContext,
    ParsedMatch,
    Recognizer,
    SecretKind,
    SensitiveValue,
    ValueKind,
)
from toolft_pipeline.verification.redaction.unescape_map import UnescapedText, unescape_levels
from toolft_pipeline.verification.redaction.value_propagation import find_other_spellings
from toolft_pipeline.verification.redaction.vendor_formats import find_vendor_mark

_BEFORE, _AFTER = 32, 4

_GATE_BYTES = 24 << 20
"""Memory for a gate's states; when it is full, RE2 starts over."""


@dataclass(frozen=True, kw_only=True)
class Match:
    """One occurrence of a value: its span in the text as written, its text without escapes (`reads`), and how each of
    those characters is written."""

    start: int
    end: int
    reads: str
    written: Sequence[str]
    value: SensitiveValue


class Detector:
    """The recognizers of all kinds behind gates; build it once, it compiles some fifty expressions.

    There are three gates because RE2 searches for all expressions of a gate at once, in states that it builds on
    demand. Expressions that begin with a literal need few states, those that begin with any digit or letter need many,
    and a common gate needs the product: one gate for all took 46 us for an unseen text of 1 KB, two take 12. The marks
    of vendors' keys are all literals: a third gate for them takes 3 us, but 8 together with the other secrets. A fourth
    gate holds the agent's own patterns, if there are any.
    """

    def __init__(self, settings: RedactionSettings) -> None:
        kinds = (
            vendor_key_recognizers(),
            credential_recognizers(),
            personal_recognizers(settings),
            custom_recognizers(settings.patterns),
        )
        self._gates = [_Gate(recognizers) for recognizers in kinds if recognizers]

    def find(self, text: str) -> list[Match]:
        """The matches of a text in order, without overlaps."""
        levels = unescape_levels(text)
        found: list[Match] = []
        for view, below in zip_longest(levels, levels[1:]):
            data = view.text.encode(errors="replace")
            for recognizer, pattern in chain.from_iterable(gate.opened(data) for gate in self._gates):
                for start, end, value in _matches(recognizer, pattern, view.text, data):
                    found += _match(view, below, start, end, value)
        if found:
            found = _unify_secret_kinds(found)
            values = dict.fromkeys(match.value for match in found)
            for view, below in zip_longest(levels, levels[1:]):
                for start, end, value in find_other_spellings(view.text, values):
                    found += _match(view, below, start, end, value)
        return drop_overlaps(found)


class _Gate:
    """Recognizers that one linear pass over a text selects."""

    def __init__(self, recognizers: Sequence[Recognizer]) -> None:
        self._behind = [(each, re2.compile(each.pattern.encode(), _options())) for each in recognizers]
        self._set = re2.Set.SearchSet(_options(_GATE_BYTES))
        for each in recognizers:
            self._set.Add(each.gate.encode())
        self._set.Compile()

    def opened(self, data: bytes) -> list[tuple[Recognizer, re2._Regexp]]:
        """The recognizers that may match in a text, each with its compiled pattern."""
        return [self._behind[number] for number in self._set.Match(data) or ()]


def _options(max_mem: int = 8 << 20) -> re2.Options:
    options = re2.Options()
    options.max_mem = max_mem
    options.log_errors = False
    return options


def _matches(
    recognizer: Recognizer, pattern: re2._Regexp, text: str, data: bytes
) -> Iterator[tuple[int, int, SensitiveValue]]:
    """The values of one kind. After a refused match the search continues one character later if matches may overlap."""
    offsets = _Characters(data, plain=len(data) == len(text))
    position = 0
    while (match := pattern.search(data, position)) is not None:
        group = next((number for number in range(pattern.groups, 0, -1) if match.span(number) != (-1, -1)), 0)
        first, last = match.span(group)
        start, end = offsets.at(first), offsets.at(last)
        around = MatchContext(text[max(0, start - _BEFORE) : start], text[end : end + _AFTER])
        reading: ParsedMatch | None = recognizer.read(text[start:end], around)
        if reading is None:
            position = match.start() + 1 if recognizer.overlapping else max(match.end(), match.start() + 1)
            while position < len(data) and data[position] & 0xC0 == 0x80:
                position += 1
            continue
        yield start + reading.start, start + reading.end, SensitiveValue(recognizer.kind, reading.canonical)
        position = max(first + len(text[start : start + reading.end].encode(errors="replace")), position + 1)


def _match(
    view: UnescapedText, below: UnescapedText | None, start: int, end: int, value: SensitiveValue
) -> list[Match]:
    """A match in the text as written; empty if it exists only because escapes are not resolved yet."""
    if below is not None:
        if view.begins_inside_an_escape(start) and not _begins_with_its_mark(value):
            return []
        if "\\" in view.text[start:end]:
            start, end = below.read(start, end)
            view = below
            value = SensitiveValue(value.kind, view.text[start:end])
    first, last = view.written(start, end)
    reads = view.text[start:end]
    written: Sequence[str] = reads
    if last - first != end - start:
        edges = [view.written(at, at + 1) for at in range(start, end)]
        written = [view.top.text[begin:stop] for begin, stop in edges]
    return [Match(start=first, end=last, reads=reads, written=written, value=value)]


def _begins_with_its_mark(value: SensitiveValue) -> bool:
    """Whether the surrogate keeps the value's beginning and so cuts no escape: `\\npm_...` follows a backslash."""
    mark = find_vendor_mark(value.canonical)
    return mark is not None and mark.start == 0


def _unify_secret_kinds(matches: list[Match]) -> list[Match]:
    """Give a secret that matches as two kinds (a password here, a token there) the kind of its first match."""
    kinds: dict[str, ValueKind] = {}
    for match in matches:
        if isinstance(match.value.kind, SecretKind):
            kinds.setdefault(match.value.canonical, match.value.kind)
    return [
        replace(match, value=SensitiveValue(kinds[match.value.canonical], match.value.canonical))
        if isinstance(match.value.kind, SecretKind)
        else match
        for match in matches
    ]


def drop_overlaps(matches: list[Match]) -> list[Match]:
    """Keep of overlapping matches the secret (`user:password@host.org` is no address), then the longest, then the
    first; in the order of the text."""
    kept: list[Match] = []
    for match in sorted(matches, key=lambda match: (match.start, match.start - match.end)):
        if not kept or match.start >= kept[-1].end:
            kept.append(match)
        elif _weight(match) > _weight(kept[-1]):
            kept[-1] = match
    return kept


def _weight(match: Match) -> tuple[bool, int]:
    return isinstance(match.value.kind, SecretKind), match.end - match.start


class _Characters:
    """Converts byte offsets to character offsets, fastest in rising order."""

    def __init__(self, data: bytes, *, plain: bool) -> None:
        self._data, self._plain = data, plain
        self._byte = self._character = 0

    def at(self, byte: int) -> int:
        if self._plain:
            return byte
        if byte < self._byte:
            self._byte = self._character = 0
        self._character += len(self._data[self._byte : byte].decode())
        self._byte = byte
        return self._character
