"""What has been told in a run up to some point, and whether a value was among it.

Invariant: a value counts as told where it stands in an earlier text as a whole word or phrase, whatever its case and
the punctuation around it; a number also where it was told in other digits (1,200.50 and 1200.5), or counts what a
result listed. Numbers are compared digit by digit, however long: an id of 19 digits is another id than its neighbour,
and one with a leading zero is itself alone. What an agent may know without being told is decided here, in the direction
of believing it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

_GROUPED = (
    r"(?:\d{1,3}(?:,\d{3})+(?!\d|,\d)(?:\.\d+)?"
    r"|\d{1,3}(?:['\u2019\u00a0\u202f\u2009]\d{3})+(?!\d)(?:[.,]\d+)?)"
)
"""A number whose thousands are set apart, by anything but a point or a plain space."""
_DECIMAL_COMMA = r"(?:\d{1,3}(?:\.\d{3})+|\d+),\d{1,2}"
_WORD = re.compile(rf"(?:{_GROUPED}|{_DECIMAL_COMMA})[A-Za-z]{{0,3}}\b(?![,.]?\d)|[^\W_](?:[\w.@:/+#-]*[^\W_])?")
_LIST_MARK = re.compile(r"(?m)^\s*\d{1,3}[.)]\s")
_NUMBER = re.compile(rf"{_GROUPED}|\d+(?:[.,]\d+)*")
_APART = re.compile(r"['\u2019\u00a0\u202f\u2009]")
_THOUSANDS = re.compile(r"\d{1,3}(?:\.\d{3})+(?:,\d+)?|\d+,\d+")
_LEADING_ZERO = re.compile(r"0\d\d+")
_AMOUNT = re.compile(rf"(?:{_GROUPED}|\d+(?:[.,]\d+)*)[a-z]{{0,3}}")
_PERCENT = re.compile(r"(\d[^\s%]{0,30})\s?(?:%|per ?cent\b|percentage points?\b)", re.IGNORECASE)
_DIGIT = re.compile(r"\d")
_LETTER = re.compile(r"[^\W\d_]")

Reading = Decimal | str
"""What digits may mean: a number, or for a code with leading zeros its text."""

Leaf = tuple[str, Any, Mapping[str, Any]]
"""A scalar of a call's arguments: the name of its parameter, its value, its schema (empty where there is none)."""


def raw_words(text: str) -> list[str]:
    """The words of a text, ids and addresses in one piece, without the numbers of a list's items."""
    found: list[str] = _WORD.findall(_LIST_MARK.sub(" ", text))
    return found


def words(text: str) -> list[str]:
    """The same in lower case."""
    return [word.casefold() for word in raw_words(text)]


def percentages(text: str) -> set[str]:
    """The words of a text, in lower case, that are written as percentages."""
    return {word for before in _PERCENT.findall(text) for word in words(before)[-1:]}


def is_identifier(word: str) -> bool:
    """Whether a word is an address, or mixes digits and letters as ids do; an amount with its unit is none."""
    if "@" in word:
        return True
    return bool(_DIGIT.search(word) and _LETTER.search(word)) and not _AMOUNT.fullmatch(word)


def is_number(word: str) -> bool:
    """Whether a word is a number, a date or time in digits, or an amount with its unit."""
    return word[:1].isdigit() and not is_identifier(word)


class GroundingText:
    """The texts of a run so far; `before` is what was told before it began, as what the catalog says."""

    def __init__(self, *, before: GroundingText | None = None) -> None:
        self._before = before
        self._texts: list[str] = []
        self._results: list[str] = []
        self._known: set[Reading] = set()
        self._counted = 0

    def add_text(self, text: str, *, result: bool = False) -> None:
        """Add a text, JSON also without its escapes; a tool's result also tells how many things it lists."""
        self._texts.append(text.casefold())
        if "\\" in text:
            self._texts.append("\n".join(str(value) for _, value, _ in leaves(decoded(text), {})).casefold())
        if result:
            self._results.append(text)

    def in_run(self, phrase: str) -> bool:
        """Whether a phrase in lower case stands in one of the texts, between ends of words."""
        return any(phrase_in_text(phrase, text) for text in self._texts)

    def contains(self, phrase: str) -> bool:
        """The same, or in what was told before the run began."""
        return self.in_run(phrase) or (self._before is not None and self._before.in_run(phrase))

    def contains_number(self, word: str) -> bool:
        """Whether every number in a word was told, before the run or in it, or counts what was told."""
        if self.contains(word):
            return True
        parts = word.split(",")
        if len(parts) == 2 and self._all_known(parts[0]) and self._all_known(parts[1]):
            return True  # "1,2" may be two numbers of a list
        return self._all_known(word)

    def _all_known(self, word: str) -> bool:
        most = self._most_listed()
        return all(
            any(self.has_reading(reading) or _counts(reading, most) for reading in readings)
            for readings in number_readings(word)
        )

    def has_reading(self, reading: Reading) -> bool:
        """Whether one of the texts, or what was told before, holds a number that reads so."""
        for text in self._texts[self._counted :]:
            self._known.update(*number_readings(text))
        self._counted = len(self._texts)
        return reading in self._known or (self._before is not None and self._before.has_reading(reading))

    def _most_listed(self) -> int:
        """The most things that the results list: items of one list, or the results themselves."""
        return max([len(self._results), *(size for text in self._results for size in _list_sizes(text))])


def decoded(text: str) -> Any:
    """The value of JSON text, None for any other text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def leaves(value: Any, schema: Mapping[str, Any], *, name: str = "") -> Iterator[Leaf]:
    """Every scalar of some arguments."""
    if isinstance(value, dict):
        properties = schema.get("properties")
        for key, inner in value.items():
            own = properties.get(key) if isinstance(properties, dict) else None
            yield from leaves(inner, own if isinstance(own, dict) else {}, name=key)
    elif isinstance(value, list):
        items = schema.get("items")
        for inner in value:
            yield from leaves(inner, items if isinstance(items, dict) else {}, name=name)
    else:
        yield name, value, schema


def phrase_in_text(phrase: str, text: str) -> bool:
    """Whether a phrase stands in a text between ends of words; both in one case."""
    at = text.find(phrase)
    while at >= 0:
        end = at + len(phrase)
        if not (at and text[at - 1].isalnum()) and not (end < len(text) and text[end].isalnum()):
            return True
        at = text.find(phrase, at + 1)
    return False


def amount(word: str) -> Decimal | None:
    """The number that a word is, perhaps with its unit; None for a date, a time, a code or any other word.

    The last of several marks sets the decimals apart, and so does a lone comma before one or two digits.
    """
    found = _NUMBER.match(word)
    if found is None or not _AMOUNT.fullmatch(word) or _LEADING_ZERO.match(word):
        return None
    digits = _APART.sub("", found[0])
    point, comma = digits.rfind("."), digits.rfind(",")
    if comma > point and (point >= 0 or re.search(r",\d{1,2}$", digits)) and digits.count(",") == 1:
        digits = digits.replace(".", "").replace(",", ".")
    digits = digits.replace(",", "")
    if digits.count(".") > 1:
        return Decimal(digits.replace(".", "")) if re.fullmatch(r"\d{1,3}(?:\.\d{3})+", digits) else None
    return Decimal(digits)


def amounts(word: str) -> set[Decimal]:
    """The numbers that a word may be, if it is an amount: 1,234 may be a thousand or one and a bit."""
    number = amount(word)
    if number is None:
        return set()
    return {number, *(reading for each in number_readings(word) for reading in each if isinstance(reading, Decimal))}


def _counts(reading: Reading, most: int) -> bool:
    """Whether a number may count things of which there are at most so many."""
    return isinstance(reading, Decimal) and reading <= most and reading == reading.to_integral_value()


def number_readings(text: str) -> Iterator[set[Reading]]:
    """Each number of a text, as every value that its commas and points may mean."""
    for written in _NUMBER.findall(text):
        found = _APART.sub("", written)
        readings = {found.replace(",", "")} if found.count(".") < 2 else {*found.split(".")}
        if _THOUSANDS.fullmatch(found):
            readings.add(found.replace(".", "").replace(",", "."))
        yield {_reading(reading.replace(",", "")) for reading in readings}


def _reading(digits: str) -> Reading:
    return digits if _LEADING_ZERO.fullmatch(digits) else Decimal(digits)


def _list_sizes(text: str) -> Iterator[int]:
    waiting = [decoded(text)]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict | list):
            waiting += value.values() if isinstance(value, dict) else value
        if isinstance(value, list):
            yield len(value)
