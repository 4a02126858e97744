"""Where a value that is known by now stands once more, in a spelling that would not give it away by itself.

Invariant: within a run a value has one fate. A password named in one message is recognised as a bare word in the next,
a phone number also without its country's code, a card number however its digits are grouped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import phonenumbers

from toolft_pipeline.settings import PersonalData
from toolft_pipeline.verification.redaction.recognizer import SecretKind, Value

_LONG = 12
_SHORT = 6
_BETWEEN = r"[^0-9A-Za-z]{0,3}"
"""What may stand between two digits of one number."""


def echoes(text: str, values: Iterable[Value]) -> Iterator[tuple[int, int, Value]]:
    """Spans of the values' other spellings in a text, and of those that are recognised anyhow."""
    for value in values:
        pattern = _spellings(value, text)
        if pattern is not None:
            for match in re.finditer(rf"(?<![0-9A-Za-z]){pattern}(?![0-9A-Za-z])", text):
                yield *match.span(), value


def _spellings(value: Value, text: str) -> str | None:
    """The expression for a value's other spellings; None where a glance at the text says that there are none."""
    kind, canonical = value
    if kind is PersonalData.CARD:
        return _grouped(canonical) if canonical[-3:] in text else None
    if kind is PersonalData.PHONE:
        if canonical[-2:] not in text:
            return None
        number = phonenumbers.parse(canonical)
        national = phonenumbers.national_significant_number(number)
        code = f"(?:00{_BETWEEN})?{number.country_code}{_BETWEEN}"
        return rf"(?:{code}(?:\(0\)\s?)?|\(?0)?{_BETWEEN}{_grouped(national)}" if len(national) >= 7 else None
    if isinstance(kind, SecretKind) and kind is not SecretKind.PRIVATE_KEY:
        return re.escape(canonical) if _telling(canonical) and canonical in text else None
    return None


def _grouped(digits: str) -> str:
    return _BETWEEN.join(digits)


def _telling(secret: str) -> bool:
    """Whether a secret is long or odd enough not to be an ordinary word of the run."""
    mixed = any(char.isdigit() for char in secret) and any(char.isalpha() for char in secret)
    return len(secret) >= _LONG or (len(secret) >= _SHORT and mixed)
