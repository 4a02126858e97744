"""What one kind of value looks like: a gate that clean text does not pass, a pattern, and the reading of a match.

Invariant: the gate holds wherever the pattern does, so a text in which no gate holds needs no further look. Gates are
RE2 sets: one linear pass over a text each, whatever is in it and however hostile.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from toolft_pipeline.settings import PersonalData


class SecretKind(StrEnum):
    """Kinds of secrets. They cannot be switched off: nobody wants a model that recites a key."""

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
    """A value that must not stay, in the one spelling that all its spellings share."""

    kind: ValueKind
    canonical: str


class MatchContext(NamedTuple):
    """What stands beside a match: up to 32 characters before it and 4 after."""

    before: str
    after: str


class ParsedMatch(NamedTuple):
    """A match taken for a value: the part of the match that is the value, and its canonical spelling."""

    start: int
    end: int
    canonical: str


@dataclass(frozen=True, kw_only=True)
class Recognizer:
    """How values of one kind are found. Gate and pattern are in RE2's syntax; the value is the pattern's last group
    that took part, or the whole match. `read` refuses what only looks alike; `overlapping` says that a refused match
    may hide a value that begins inside it (patterns of bounded length only, or a hostile text costs its square)."""

    kind: ValueKind
    gate: str
    pattern: str
    read: Callable[[str, MatchContext], ParsedMatch | None]
    overlapping: bool = False


def is_standalone(around: MatchContext) -> bool:
    """Whether a number or code is not a piece of a longer one: no letter or digit beside it, nor beyond a joint."""
    before, after = around
    glued = is_word_char(before[-1:]) or is_word_char(after[:1])
    return not (glued or _joins(before[::-1]) or _joins(after))


def is_word_char(char: str) -> bool:
    """Whether a character would belong to the code beside it. Other scripts do not: some part no words by spaces."""
    return char.isascii() and (char.isalnum() or char == "_")


def _joins(outward: str) -> bool:
    return outward[:1] in {"-", ".", ","} and is_word_char(outward[1:2])
