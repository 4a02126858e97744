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
from toolft_pipeline.verification.redaction.recognizer import SecretKind, Value

_LONG = 12
_SHORT = 6
_DIGITS = re.compile(r"[0-9](?:[^0-9A-Za-z]{0,3}[0-9]){6,}")
"""Digits with little between them, seven or more: where a number may be grouped in another way."""


@dataclass(frozen=True, kw_only=True)
class _Number:
    """A known number's digits, and what digits may be glued to their front: country codes, trunk zeros."""

    value: Value
    digits: str
    glued: frozenset[str]


def echoes(text: str, values: Collection[Value]) -> Iterator[tuple[int, int, Value]]:
    """Spans of the values' other spellings in a text, and of those that are recognised anyhow."""
    for value in values:
        secret = isinstance(value.kind, SecretKind) and value.kind is not SecretKind.PRIVATE_KEY
        if secret and _telling(value.canonical):
            yield from _words(text, value)
    numbers = [number for value in values if (number := _number(value)) is not None]
    if numbers:
        yield from _digits(text, numbers)


def _words(text: str, value: Value) -> Iterator[tuple[int, int, Value]]:
    start = text.find(value.canonical)
    while start >= 0:
        end = start + len(value.canonical)
        if not (text[max(0, start - 1) : start].isalnum() or text[end : end + 1].isalnum()):
            yield start, end, value
        start = text.find(value.canonical, end)


def _telling(secret: str) -> bool:
    """Whether a secret is long or odd enough not to be an ordinary word of the run."""
    mixed = any(char.isdigit() for char in secret) and any(char.isalpha() for char in secret)
    return len(secret) >= _LONG or (len(secret) >= _SHORT and mixed)


def _number(value: Value) -> _Number | None:
    if value.kind is PersonalData.CARD:
        return _Number(value=value, digits=value.canonical, glued=frozenset({""}))
    if value.kind is not PersonalData.PHONE:
        return None
    number = phonenumbers.parse(value.canonical)
    national = phonenumbers.national_significant_number(number)
    code = str(number.country_code)
    glued = frozenset({"", "0", code, f"00{code}", f"{code}0"})
    return _Number(value=value, digits=national, glued=glued) if len(national) >= 7 else None


def _digits(text: str, numbers: Collection[_Number]) -> Iterator[tuple[int, int, Value]]:
    for found in _DIGITS.finditer(text):
        places = [place for place in range(*found.span()) if "0" <= text[place] <= "9"]
        digits = "".join(text[place] for place in places)
        for number in numbers:
            at = digits.find(number.digits)
            while at >= 0:
                start, end = places[at], places[at + len(number.digits) - 1] + 1
                front = start
                while front and "0" <= text[front - 1] <= "9":
                    front -= 1
                alone = not (text[max(0, front - 1) : front].isalpha() or text[end : end + 1].isalnum())
                if alone and text[front:start] in number.glued:
                    yield start, end, number.value
                at = digits.find(number.digits, at + 1)
