"""Finds further occurrences of known values, in spellings that no recognizer would match.

Invariant: within a run a value is replaced everywhere. A password named in one message is found as a bare word in the
next, a phone number also without its country code, a card number with any grouping of its digits.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import phonenumbers

from toolft_pipeline.settings import PersonalData
from toolft_pipeline.verification.redaction.recognizer import SecretKind, SensitiveValue, is_word_char

_LONG = 12
_SHORT = 6
_DIGITS = re.compile(r"[0-9](?:[^0-9A-Za-z\0]{0,3}[0-9]){6,}")
"""Seven or more digits with little between them: possibly a number in another grouping."""


@dataclass(frozen=True, kw_only=True)
class _Number:
    """A known number's digits, and the digits that may precede them: country codes, trunk zeros."""

    value: SensitiveValue
    digits: str
    prefixes: frozenset[str]


def find_other_spellings(text: str, values: Collection[SensitiveValue]) -> Iterator[tuple[int, int, SensitiveValue]]:
    """Spans of the values in a text, in other spellings and in those that recognizers match."""
    for value in values:
        secret = isinstance(value.kind, SecretKind) and value.kind is not SecretKind.PRIVATE_KEY
        if secret and _is_distinctive(value.canonical):
            yield from _words(text, value)
    numbers = [number for value in values if (number := _number(value)) is not None]
    if numbers:
        yield from _digits(text, numbers)


def _words(text: str, value: SensitiveValue) -> Iterator[tuple[int, int, SensitiveValue]]:
    start = text.find(value.canonical)
    while start >= 0:
        end = start + len(value.canonical)
        if not (is_word_char(text[max(0, start - 1) : start]) or is_word_char(text[end : end + 1])):
            yield start, end, value
        start = text.find(value.canonical, end)


def _is_distinctive(secret: str) -> bool:
    """Whether a secret is too long or too mixed to be an ordinary word of the run."""
    mixed = any(char.isdigit() for char in secret) and any(char.isalpha() for char in secret)
    return len(secret) >= _LONG or (len(secret) >= _SHORT and mixed)


def _number(value: SensitiveValue) -> _Number | None:
    if value.kind is PersonalData.CARD:
        return _Number(value=value, digits=value.canonical, prefixes=frozenset({""}))
    if value.kind is not PersonalData.PHONE:
        return None
    number = phonenumbers.parse(value.canonical)
    national = phonenumbers.national_significant_number(number)
    code = str(number.country_code)
    prefixes = frozenset({"", "0", code, f"00{code}", f"{code}0"})
    return _Number(value=value, digits=national, prefixes=prefixes) if len(national) >= 7 else None


def _digits(text: str, numbers: Collection[_Number]) -> Iterator[tuple[int, int, SensitiveValue]]:
    by_digits = {number.digits: number for number in numbers}
    lengths = {len(digits) for digits in by_digits}
    for found in _DIGITS.finditer(text):
        places = [place for place in range(*found.span()) if "0" <= text[place] <= "9"]
        digits = "".join(text[place] for place in places)
        for length in lengths:
            for at in range(len(digits) - length + 1):
                number = by_digits.get(digits[at : at + length])
                if number is None:
                    continue
                start, end = places[at], places[at + length - 1] + 1
                if _stands_alone(text, start, end, number.prefixes):
                    yield start, end, number.value


def _stands_alone(text: str, start: int, end: int, prefixes: Collection[str]) -> bool:
    """Whether a number is not part of a longer code, apart from the digits that may precede it."""
    front = start
    while front and start - front < 7 and "0" <= text[front - 1] <= "9":
        front -= 1
    beside = text[max(0, front - 1) : front] + text[end : end + 1]
    return text[front:start] in prefixes and not any(is_word_char(char) for char in beside)
