"""How one kind of value is recognized: a gate that clean text does not pass, a pattern, and the check of a match.

Invariant: the gate matches wherever the pattern does, so a text without a gate match needs no further search. Gates are
RE2 sets: one linear pass over a text each, however hostile it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from toolft_pipeline.settings import PersonalData


class SecretKind(StrEnum):
    """Kinds of secrets. They cannot be switched off: no model may learn a key."""

    OPENAI_KEY = "openai_key"
    AWS_ACCESS_KEY = "aws_access_key"
    GITHUB_TOKEN = "github_token"
    SLACK_TOKEN = "slack_token"
    GOOGLE_API_KEY = "google_api_key"
    STRIPE_KEY = "stripe_key"
    JSON_WEB_TOKEN = "json_web_token"
    VENDOR_TOKEN = "vendor_token"
    PRIVATE_KEY = "private_key"
    AUTHORIZATION = "authorization"
    URL_PASSWORD = "url_password"
    PASSWORD = "password"
    ASSIGNED_SECRET = "assigned_secret"
    OWN_PATTERN = "own_pattern"


ValueKind = SecretKind | PersonalData


class SensitiveValue(NamedTuple):
    """A value to replace, in its canonical spelling."""

    kind: ValueKind
    canonical: str


class MatchContext(NamedTuple):
    """The text around a match: up to 32 characters before it and 4 after."""

    before: str
    after: str


class ParsedMatch(NamedTuple):
    """The part of a match that is the value, and the value's canonical spelling."""

    start: int
    end: int
    canonical: str


@dataclass(frozen=True, kw_only=True)
class Recognizer:
    """How values of one kind are found. Gate and pattern are in RE2's syntax; the value is the pattern's last group
    that matched, or the whole match. `read` refuses what only looks like a value; `overlapping` if a refused match may
    hide a value that begins inside it (patterns of bounded length only: a hostile text costs quadratic time)."""

    kind: ValueKind
    gate: str
    pattern: str
    read: Callable[[str, MatchContext], ParsedMatch | None]
    overlapping: bool = False


def is_standalone(around: MatchContext) -> bool:
    """Whether a number or code is not part of a longer one: no letter or digit next to it or after a joining sign."""
    before, after = around
    glued = is_word_char(before[-1:]) or is_word_char(after[:1])
    return not (glued or _joins(before[::-1]) or _joins(after))


def is_word_char(char: str) -> bool:
    """Whether a character would belong to the code next to it. Only ASCII: some scripts write words without spaces."""
    return char.isascii() and (char.isalnum() or char == "_")


def _joins(outward: str) -> bool:
    return outward[:1] in {"-", ".", ","} and is_word_char(outward[1:2])
