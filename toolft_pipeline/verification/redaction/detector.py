"""Where the values of a text stand that must not stay.

Invariant: a text that passes no gate costs three linear passes and nothing else; of places that
overlap one stays, and a place never begins or ends inside a JSON escape.
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
"""What a gate's states may take; when they are full, RE2 starts over."""


@dataclass(frozen=True, kw_only=True)
class Match:
    """One occurrence of a value: its span of the text as written, how it reads there, and how each of the characters
    that it reads as was written."""

    start: int
    end: int
    reads: str
    written: Sequence[str]
    value: SensitiveValue


class Detector:
    """The recognizers of all kinds behind three gates; made once, for it compiles some fifty expressions.

    Three, because RE2 searches for all of a gate's expressions at once in states that it makes as texts call for them.
    What begins in a literal needs few, what begins in any digit or letter needs many, and both at once their product:
    one gate for all took 46 us for an unseen text of 1 KB, two take 12. The marks of vendors' keys are literals alone:
    a third gate for them takes 3, and 8 where they stand beside the other secrets.
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
        """The places of a text in their order, none overlapping."""
        levels = unescape_levels(text)
        found: list[Match] = []
        for view, below in zip_longest(levels, levels[1:]):
            data = view.text.encode(errors="replace")
            for recognizer, pattern in chain.from_iterable(gate.opened(data) for gate in self._gates):
                for start, end, value in _matches(recognizer, pattern, view.text, data):
                    found += _place(view, below, start, end, value)
        if found:
            found = _one_kind_a_secret(found)
            values = dict.fromkeys(place.value for place in found)
            for view, below in zip_longest(levels, levels[1:]):
                for start, end, value in find_other_spellings(view.text, values):
                    found += _place(view, below, start, end, value)
        return drop_overlaps(found)


class _Gate:
    """Recognizers that one linear pass over a text chooses from."""

    def __init__(self, recognizers: Sequence[Recognizer]) -> None:
        self._behind = [(each, re2.compile(each.pattern.encode(), _options())) for each in recognizers]
        self._set = re2.Set.SearchSet(_options(_GATE_BYTES))
        for each in recognizers:
            self._set.Add(each.gate.encode())
        self._set.Compile()

    def opened(self, data: bytes) -> list[tuple[Recognizer, re2._Regexp]]:
        """The recognizers that may find something in a text, each with its compiled pattern."""
        return [self._behind[number] for number in self._set.Match(data) or ()]


def _options(max_mem: int = 8 << 20) -> re2.Options:
    options = re2.Options()
    options.max_mem = max_mem
    options.log_errors = False
    return options


def _matches(
    recognizer: Recognizer, pattern: re2._Regexp, text: str, data: bytes
) -> Iterator[tuple[int, int, SensitiveValue]]:
    """The values of one kind; after a match that was refused the search goes on one character later."""
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


def _place(
    view: UnescapedText, below: UnescapedText | None, start: int, end: int, value: SensitiveValue
) -> list[Match]:
    """A match as a place; none where it only exists because escapes were not resolved yet."""
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
    """Whether a stand-in begins as the value does: then it cuts no escape (`\\npm_...` is a key behind a backslash)."""
    mark = find_vendor_mark(value.canonical)
    return mark is not None and mark.start == 0


def _one_kind_a_secret(places: list[Match]) -> list[Match]:
    """A secret that is told in two ways (a password here, a token there) is one value: of the kind seen first."""
    kinds: dict[str, ValueKind] = {}
    for place in places:
        if isinstance(place.value.kind, SecretKind):
            kinds.setdefault(place.value.canonical, place.value.kind)
    return [
        replace(place, value=SensitiveValue(kinds[place.value.canonical], place.value.canonical))
        if isinstance(place.value.kind, SecretKind)
        else place
        for place in places
    ]


def drop_overlaps(places: list[Match]) -> list[Match]:
    """Of places that overlap the secret (`user:password@host.org` is no address), then the longest, then the first;
    in the order of the text."""
    kept: list[Match] = []
    for place in sorted(places, key=lambda place: (place.start, place.start - place.end)):
        if not kept or place.start >= kept[-1].end:
            kept.append(place)
        elif _weight(place) > _weight(kept[-1]):
            kept[-1] = place
    return kept


def _weight(place: Match) -> tuple[bool, int]:
    return isinstance(place.value.kind, SecretKind), place.end - place.start


class _Characters:
    """Byte offsets as character offsets, asked for in rising order."""

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
