"""What has been told in a run up to some point, and whether a value was among it.

Invariant: a value counts as told where it stands in an earlier text as a whole word or phrase, whatever its case and
the punctuation around it; a number also where it was told in other digits (1,200.50 and 1200.5), or counts what a
result listed. What an agent may know without being told is decided here, in the direction of believing it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_WORD = re.compile(r"[^\W_](?:[\w.@:/+#-]*[^\W_])?")
_LIST_MARK = re.compile(r"(?m)^\s*\d{1,3}[.)]\s")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_THOUSANDS = re.compile(r"\d{1,3}(?:\.\d{3})+(?:,\d+)?|\d+,\d+")
_AMOUNT = re.compile(r"\d+(?:[.,]\d+)*[a-z]{0,3}")
_DIGIT = re.compile(r"\d")
_LETTER = re.compile(r"[^\W\d_]")

Leaf = tuple[str, Any, Mapping[str, Any]]
"""A scalar of a call's arguments: the name of its parameter, its value, its schema (empty where there is none)."""


def raw_words(text: str) -> list[str]:
    """The words of a text, ids and addresses in one piece, without the numbers of a list's items."""
    found: list[str] = _WORD.findall(_LIST_MARK.sub(" ", text))
    return found


def words(text: str) -> list[str]:
    """The same in lower case."""
    return [word.casefold() for word in raw_words(text)]


def is_identifier(word: str) -> bool:
    """Whether a word is an address, or mixes digits and letters as ids do; an amount with its unit is none."""
    if "@" in word:
        return True
    return bool(_DIGIT.search(word) and _LETTER.search(word)) and not _AMOUNT.fullmatch(word)


def is_number(word: str) -> bool:
    """Whether a word is a number, a date or time in digits, or an amount with its unit."""
    return word[:1].isdigit() and not is_identifier(word)


class Told:
    """The texts of a run so far."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._results: list[str] = []

    def hear(self, text: str, *, result: bool = False) -> None:
        """Add a text, JSON also without its escapes; a tool's result also tells how many things it lists."""
        self._texts.append(text.casefold())
        if "\\" in text:
            self._texts.append("\n".join(str(value) for _, value, _ in leaves(decoded(text), {})).casefold())
        if result:
            self._results.append(text)

    def has(self, phrase: str) -> bool:
        """Whether a phrase in lower case stands in one of the texts, between ends of words."""
        return any(stands_in(phrase, text) for text in self._texts)

    def has_number(self, word: str) -> bool:
        """Whether every number in a word was told, or counts what was told."""
        if self.has(word):
            return True
        known = {reading for text in self._texts for readings in _numbers(text) for reading in readings}
        most = self._most_listed()
        return all(
            any(reading in known or (reading.is_integer() and reading <= most) for reading in readings)
            for readings in _numbers(word)
        )

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


def stands_in(phrase: str, text: str) -> bool:
    """Whether a phrase stands in a text between ends of words; both in one case."""
    at = text.find(phrase)
    while at >= 0:
        end = at + len(phrase)
        if not (at and text[at - 1].isalnum()) and not (end < len(text) and text[end].isalnum()):
            return True
        at = text.find(phrase, at + 1)
    return False


def _numbers(text: str) -> Iterator[set[float]]:
    """Each number of a text, as every value that its commas and points may mean."""
    for found in _NUMBER.findall(text):
        readings = {found.replace(",", "")} if found.count(".") < 2 else {*found.split(".")}
        if _THOUSANDS.fullmatch(found):
            readings.add(found.replace(".", "").replace(",", "."))
        yield {float(reading.replace(",", "")) for reading in readings}


def _list_sizes(text: str) -> Iterator[int]:
    waiting = [decoded(text)]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict | list):
            waiting += value.values() if isinstance(value, dict) else value
        if isinstance(value, list):
            yield len(value)
