"""Where a value that is known by now stands once more, in a spelling that would not give it away by itself.

Invariant: within a run a value has one fate. A password named in one message is recognised as a bare word in the next,
a phone number also without its country's code, a card number however its digits are grouped.
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
"""Digits with little between them, seven or more: where a number may be grouped in another way."""


@dataclass(frozen=True, kw_only=True)
class _Number:
    """A known number's digits, and what digits may be glued to their front: country codes, trunk zeros."""

    value: SensitiveValue
    digits: str
    glued: frozenset[str]


def find_other_spellings(text: str, values: Collection[SensitiveValue]) -> Iterator[tuple[int, int, SensitiveValue]]:
    """Spans of the values' other spellings in a text, and of those that are recognised anyhow."""
    for value in values:
        secret = isinstance(value.kind, SecretKind) and value.kind is not SecretKind.PRIVATE_KEY
        if secret and _telling(value.canonical):
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


def _telling(secret: str) -> bool:
    """Whether a secret is long or odd enough not to be an ordinary word of the run."""
    mixed = any(char.isdigit() for char in secret) and any(char.isalpha() for char in secret)
    return len(secret) >= _LONG or (len(secret) >= _SHORT and mixed)


def _number(value: SensitiveValue) -> _Number | None:
    if value.kind is PersonalData.CARD:
        return _Number(value=value, digits=value.canonical, glued=frozenset({""}))
    if value.kind is not PersonalData.PHONE:
        return None
    number = phonenumbers.parse(value.canonical)
    national = phonenumbers.national_significant_number(number)
    code = str(number.country_code)
    glued = frozenset({"", "0", code, f"00{code}", f"{code}0"})
    return _Number(value=value, digits=national, glued=glued) if len(national) >= 7 else None


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
                if _stands_alone(text, start, end, number.glued):
                    yield start, end, number.value


def _stands_alone(text: str, start: int, end: int, glued: Collection[str]) -> bool:
    """Whether a number is not a piece of a longer code, but for the digits that may be glued to its front."""
    front = start
    while front and start - front < 7 and "0" <= text[front - 1] <= "9":
        front -= 1
    beside = text[max(0, front - 1) : front] + text[end : end + 1]
    return text[front:start] in glued and not any(is_word_char(char) for char in beside)
