"""The text that a run contains up to some point, and whether it grounds a value.

Invariant: a value is grounded if an earlier text contains it as a whole word or phrase, whatever its case and the
punctuation around it. A number is also grounded if it was written differently (1,200.50 and 1200.5), or if it can be a
count of what a result lists. Numbers are compared digit by digit, however long: ids of 19 digits that differ in the
last digit are different, and a number with leading zeros equals only itself. In doubt, a value counts as grounded.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

_GROUPED = (
    r"(?:\d{1,3}(?:,\d{3})+(?!\d|,\d)(?:\.\d+)?"
    r"|\d{1,3}(?:['\u2019\u00a0\u202f\u2009]\d{3})+(?!\d)(?:[.,]\d+)?)"
)
"""A number with thousands separators other than a point or a plain space."""
_DECIMAL_COMMA = r"(?:\d{1,3}(?:\.\d{3})+|\d+),\d{1,2}"
_WORD = re.compile(rf"(?:{_GROUPED}|{_DECIMAL_COMMA})[A-Za-z]{{0,3}}\b(?![,.]?\d)|[^\W_](?:[\w.@:/+#-]*[^\W_])?")
_LIST_MARK = re.compile(r"(?m)^\s*\d{1,3}[.)]\s")
_NUMBER = re.compile(rf"{_GROUPED}|\d+(?:[.,]\d+)*")
_SEPARATOR = re.compile(r"['\u2019\u00a0\u202f\u2009]")
_THOUSANDS = re.compile(r"\d{1,3}(?:\.\d{3})+(?:,\d+)?|\d+,\d+")
_LEADING_ZERO = re.compile(r"0\d\d+")
_AMOUNT = re.compile(rf"(?:{_GROUPED}|\d+(?:[.,]\d+)*)[a-z]{{0,3}}")
_PERCENT = re.compile(r"(\d[^\s%]{0,30})\s?(?:%|per ?cent\b|percentage points?\b)", re.IGNORECASE)
_DIGIT = re.compile(r"\d")
_LETTER = re.compile(r"[^\W\d_]")

Reading = Decimal | str
"""A possible value of digits: a number, or the text itself for a code with leading zeros."""

Leaf = tuple[str, Any, Mapping[str, Any]]
"""A scalar among a call's arguments: parameter name, value, and schema (empty if there is none)."""


def raw_words(text: str) -> list[str]:
    """Split a text into words; ids and addresses stay whole, numbers of list items are left out."""
    found: list[str] = _WORD.findall(_LIST_MARK.sub(" ", text))
    return found


def words(text: str) -> list[str]:
    """`raw_words` in lower case."""
    return [word.casefold() for word in raw_words(text)]


def percentages(text: str) -> set[str]:
    """Words of a text, in lower case, that are written as percentages."""
    return {word for before in _PERCENT.findall(text) for word in words(before)[-1:]}


def is_identifier(word: str) -> bool:
    """Whether a word is an address, or mixes digits and letters as ids do (an amount with a unit does not count)."""
    if "@" in word:
        return True
    return bool(_DIGIT.search(word) and _LETTER.search(word)) and not _AMOUNT.fullmatch(word)


def is_number(word: str) -> bool:
    """Whether a word is a number, a date or time in digits, or an amount with its unit."""
    return word[:1].isdigit() and not is_identifier(word)


class GroundingText:
    """The texts of a run so far; `before` has text from before the run, such as the catalog."""

    def __init__(self, *, before: GroundingText | None = None) -> None:
        self._before = before
        self._texts: list[str] = []
        self._results: list[str] = []
        self._numbers: set[Reading] = set()
        self._n_parsed = 0

    def add_text(self, text: str, *, result: bool = False) -> None:
        """Add a text, and JSON also without its escapes. The list lengths of a tool's `result` ground counts."""
        self._texts.append(text.casefold())
        if "\\" in text:
            self._texts.append("\n".join(str(value) for _, value, _ in leaves(decoded(text), {})).casefold())
        if result:
            self._results.append(text)

    @property
    def texts(self) -> tuple[str, ...]:
        """The run's texts so far, in lower case."""
        return tuple(self._texts)

    def in_run(self, phrase: str) -> bool:
        """Whether one of the run's texts contains a phrase (in lower case) as whole words."""
        return any(phrase_in_text(phrase, text) for text in self._texts)

    def contains(self, phrase: str) -> bool:
        """Whether the run's texts, or those from before the run, contain a phrase."""
        return self.in_run(phrase) or (self._before is not None and self._before.in_run(phrase))

    def contains_number(self, word: str) -> bool:
        """Whether every number in a word is contained in the texts or can be a count of listed things."""
        if self.contains(word):
            return True
        parts = word.split(",")
        if len(parts) == 2 and self._numbers_grounded(parts[0]) and self._numbers_grounded(parts[1]):
            return True  # "1,2" may be two numbers of a list
        return self._numbers_grounded(word)

    def _numbers_grounded(self, word: str) -> bool:
        longest = self._longest_list()
        return all(
            any(self.has_reading(reading) or _is_count(reading, at_most=longest) for reading in readings)
            for readings in number_readings(word)
        )

    def has_reading(self, reading: Reading) -> bool:
        """Whether a number of the texts so far, or of the texts before the run, has this reading."""
        for text in self._texts[self._n_parsed :]:
            self._numbers.update(*number_readings(text))
        self._n_parsed = len(self._texts)
        return reading in self._numbers or (self._before is not None and self._before.has_reading(reading))

    def _longest_list(self) -> int:
        """Length of the longest list in the results; the results themselves count as a list, and pages as one list."""
        pages: Counter[str] = Counter()
        for text in self._results:
            pages.update(_list_fields(text))
        sizes = (size for text in self._results for size in _list_sizes(text))
        return max([len(self._results), *pages.values(), *sizes])


def decoded(text: str) -> Any:
    """The value of a JSON text, or None for any other text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def leaves(value: Any, schema: Mapping[str, Any], *, name: str = "") -> Iterator[Leaf]:
    """Every scalar among some arguments."""
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
    """Whether a text contains a phrase as whole words; both must have the same case."""
    at = text.find(phrase)
    while at >= 0:
        end = at + len(phrase)
        if not (at and text[at - 1].isalnum()) and not (end < len(text) and text[end].isalnum()):
            return True
        at = text.find(phrase, at + 1)
    return False


def amount(word: str) -> Decimal | None:
    """The number in a word, with or without a unit; None for a date, a time, a code or any other word.

    The last of several separators is the decimal one, and so is a single comma before one or two digits.
    """
    found = _NUMBER.match(word)
    if found is None or not _AMOUNT.fullmatch(word) or _LEADING_ZERO.match(word):
        return None
    digits = _SEPARATOR.sub("", found[0])
    point, comma = digits.rfind("."), digits.rfind(",")
    if comma > point and (point >= 0 or re.search(r",\d{1,2}$", digits)) and digits.count(",") == 1:
        digits = digits.replace(".", "").replace(",", ".")
    digits = digits.replace(",", "")
    if digits.count(".") > 1:
        return Decimal(digits.replace(".", "")) if re.fullmatch(r"\d{1,3}(?:\.\d{3})+", digits) else None
    return Decimal(digits)


def amounts(word: str) -> set[Decimal]:
    """All numbers that an amount can mean: 1,234 can be 1234 or 1.234. Empty for any other word."""
    number = amount(word)
    if number is None:
        return set()
    return {number, *(reading for each in number_readings(word) for reading in each if isinstance(reading, Decimal))}


def _is_count(reading: Reading, *, at_most: int) -> bool:
    """Whether a number can be a count of at most so many things."""
    return isinstance(reading, Decimal) and reading <= at_most and reading == reading.to_integral_value()


def number_readings(text: str) -> Iterator[set[Reading]]:
    """For each number in a text, all values that its commas and points can mean."""
    for written in _NUMBER.findall(text):
        digits = _SEPARATOR.sub("", written)
        readings = {digits.replace(",", "")} if digits.count(".") < 2 else {*digits.split(".")}
        if _THOUSANDS.fullmatch(digits):
            readings.add(digits.replace(".", "").replace(",", "."))
        yield {_reading(reading.replace(",", "")) for reading in readings}


def _reading(digits: str) -> Reading:
    return digits if _LEADING_ZERO.fullmatch(digits) else Decimal(digits)


def _list_fields(text: str) -> dict[str, int]:
    """The lengths of the lists that a result holds, by field: a list of many pages has the same field on each."""
    value = decoded(text)
    return (
        {name: len(inner) for name, inner in value.items() if isinstance(inner, list)}
        if isinstance(value, dict)
        else {}
    )


def _list_sizes(text: str) -> Iterator[int]:
    waiting = [decoded(text)]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict | list):
            waiting += value.values() if isinstance(value, dict) else value
        if isinstance(value, list):
            yield len(value)
