"""Writes a surrogate the way the value was written: its case, its grouping, its escapes.

Invariant: only letters and digits of the value change (a domain's ending and an IP address may change their length),
so JSON text stays JSON text, and two spellings of one value become two spellings of one surrogate.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import phonenumbers

from toolft_pipeline.settings import PersonalData
from toolft_pipeline.verification.redaction.detector import Match
from toolft_pipeline.verification.redaction.recognizer import SecretKind, ValueKind

_AT = re.compile("@|%40")


def write_surrogate(match: Match, surrogate: str) -> str:
    """The text that replaces a match."""
    return _as_written(_spelled(match.value.kind, match.reads, surrogate), match.reads, match.written)


def _spelled(kind: ValueKind, reads: str, surrogate: str) -> str:
    """The surrogate in the spelling of the value."""
    if kind is PersonalData.EMAIL:
        at = _AT.search(reads)
        assert at is not None, "an e-mail address has an @"
        local, _, domain = surrogate.partition("@")
        return _cased(local, reads[: at.start()]) + at.group() + _cased_domain(domain, reads[at.end() :])
    if kind is PersonalData.PHONE:
        national = phonenumbers.national_significant_number(phonenumbers.parse(surrogate))
        return _filled(reads, [char.isdigit() for char in reads], national)
    if kind is PersonalData.CARD:
        return _filled(reads, [char.isdigit() for char in reads], surrogate)
    if kind in {PersonalData.IBAN, PersonalData.NATIONAL_ID}:
        return _cased(_filled(reads, [char.isalnum() for char in reads], surrogate), reads)
    if kind is SecretKind.PRIVATE_KEY:
        return _filled(reads, [char.isalnum() for char in reads], surrogate)
    return surrogate


def _filled(reads: str, slots: Sequence[bool], characters: str) -> str:
    """Fill the slots with the characters, from the right: earlier ones (country code, trunk 0) stay."""
    filled, left = list(reads), list(characters)
    for at in range(len(reads) - 1, -1, -1):
        if slots[at] and left:
            filled[at] = left.pop()
    return "".join(filled)


def _cased(text: str, like: str) -> str:
    """Copy the upper case of the value; only for personal data, whose canonical spelling ignores case."""
    pairs = zip(text, like.ljust(len(text)), strict=False)
    return "".join(new.upper() if old.isupper() else new.lower() for new, old in pairs)


def _cased_domain(domain: str, like: str) -> str:
    labels, _, ending = domain.rpartition(".")
    like_labels, _, like_ending = like.rpartition(".")
    return f"{_cased(labels, like_labels)}.{ending.upper() if like_ending.isupper() else ending}"


def _as_written(new: str, reads: str, written: Sequence[str]) -> str:
    """New characters plain, unchanged ones as they were written."""
    if isinstance(written, str):
        return new
    if len(new) == len(reads):
        return "".join(way if a == b else a for a, b, way in zip(new, reads, written, strict=True))
    return new  # an e-mail or IP address, which has no character that JSON would escape
