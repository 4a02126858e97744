"""Secrets: keys that announce themselves by a prefix, private keys, and what a text itself calls a password.

Vendors' formats are those of detect-secrets and, for the many that it lacks, of `vendor_formats.py`. Its line scanner
is not used: it asks each pattern in turn and tells no place.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from detect_secrets.plugins.azure_storage_key import AzureStorageKeyDetector
from detect_secrets.plugins.discord import DiscordBotTokenDetector
from detect_secrets.plugins.gitlab_token import GitLabTokenDetector
from detect_secrets.plugins.mailchimp import MailchimpDetector
from detect_secrets.plugins.pypi_token import PypiTokenDetector
from detect_secrets.plugins.sendgrid import SendGridDetector
from detect_secrets.plugins.square_oauth import SquareOAuthDetector
from detect_secrets.plugins.telegram_token import TelegramBotTokenDetector
from detect_secrets.plugins.twilio import TwilioKeyDetector

from toolft_pipeline.verification.redaction.recognizer import (
    MatchContext,
    ParsedMatch,
    Recognizer,
    SecretKind,
    is_word_char,
)
from toolft_pipeline.verification.redaction.vendor_formats import VENDOR_FORMATS, VendorFormat, find_vendor_mark

_VENDORS = (
    AzureStorageKeyDetector,
    DiscordBotTokenDetector,
    GitLabTokenDetector,
    MailchimpDetector,
    PypiTokenDetector,
    SendGridDetector,
    SquareOAuthDetector,
    TelegramBotTokenDetector,
    TwilioKeyDetector,
)
"""Detectors whose formats are unmistakable; those that go by a word nearby or by entropy alone are left out."""

_AFTER_A_MARK = "[A-Za-z0-9_.~/+@=-]{10}"
"""Every key goes on like this for ten characters at least; a longer gate would cost states and let as much through."""

_GROUP = re.compile(r"(?<!\\)\((?!\?)")

_PASSWORD_WORD = r"(?:pass(?:word|wd|phrase)|pwd|kennwort|passwort|mot de passe|contrase[nñ]a)"
_SECRET_WORD = (
    r"(?:api[_-]?key|access[_-]?key|secret[_-]?key|account[_-]?key|private[_-]?key|secret|token|credentials?|passcode)"
)
_NO_PASSWORD = re.compile(
    r"(?i)\W*|[*x•.\-]+|<.*>?|\$?\{+.*\}*|\[.*\]?|%\w+%?|null|none|nil|true|false|undefined|string|str|text|required|optional"
    r"|(?:re)?set|change[d]?|changeme|reset|expired?|wrong|invalid|incorrect|missing|redacted|hidden|secret|password"
    r"|your[_ -]?\w+|example|placeholder|forgotten"
)
"""What stands where a password would and is none: placeholders, states, the words of a form."""

_ENTROPY = 3.0
"""Bits a character at least of a value taken for a key by its name alone; random hexadecimal has about 3.6."""


def credential_recognizers() -> list[Recognizer]:
    """Secrets told by a name or a header beside them, and what detect-secrets knows."""
    return [*_vendor_tokens(), *_told_by_their_surroundings()]


def custom_recognizers(patterns: Sequence[str]) -> list[Recognizer]:
    """What an agent's settings call a secret: where a pattern has a group, what the group holds."""
    return [
        Recognizer(
            kind=SecretKind.OWN_PATTERN, gate=each, pattern=each, read=lambda text, _: ParsedMatch(0, len(text), text)
        )
        for each in patterns
    ]


def vendor_key_recognizers() -> list[Recognizer]:
    """A recognizer for each kind, its vendors' formats side by side; the gate asks for little but a mark."""
    by_kind: dict[SecretKind, list[VendorFormat]] = {}
    for each in VENDOR_FORMATS:
        by_kind.setdefault(each.kind, []).append(each)
    found = []
    for kind, formats in by_kind.items():
        gate = "|".join(f"(?:{each.mark})" + (_AFTER_A_MARK if each.after else "") for each in formats)
        pattern = "|".join(each.pattern for each in formats)
        found.append(Recognizer(kind=kind, gate=gate, pattern=pattern, read=_no_phrase))
    return found


def _vendor_tokens() -> Iterator[Recognizer]:
    for detector in _VENDORS:
        for listed in detector.denylist:
            # RE2 looks neither ahead nor for more than 1,000 of a thing: so it matches a little more
            pattern = _GROUP.sub("(?:", listed.pattern.replace(r"(?!\w)", "").replace("{50,1024}", "{50,}"))
            yield Recognizer(kind=SecretKind.VENDOR_TOKEN, gate=pattern, pattern=pattern, read=_alone)


def _told_by_their_surroundings() -> Iterator[Recognizer]:
    begin = r"-----BEGIN [A-Z0-9 ]{0,24}PRIVATE KEY(?: BLOCK)?-----"
    yield Recognizer(
        kind=SecretKind.PRIVATE_KEY,
        gate=begin,
        pattern=begin + r"((?:[A-Za-z0-9+/=\s:,.]|-[A-Za-z0-9])+)",
        read=_private_key,
    )
    header = r"(?i)(?:\bbearer\s+|\bauthorization\W{1,6}(?:[a-z]+\s+)?)"
    yield Recognizer(
        kind=SecretKind.AUTHORIZATION, gate=header, pattern=header + r"([A-Za-z0-9._~+/=-]{12,})", read=_key_like(12)
    )
    yield Recognizer(
        kind=SecretKind.URL_PASSWORD,
        gate=r"://[^\s\x00/@\"'<>]*:[^\s\x00\"'<>]+@",
        pattern=r"://[^\s\x00/@:\"'<>]*:([^\s\x00/\"'<>]+)@[A-Za-z0-9\[]",
        read=_password,
    )
    yield from _assigned(SecretKind.PASSWORD, _PASSWORD_WORD, quoted=_password, bare=_password, said=_key_like(6))
    yield from _assigned(
        SecretKind.ASSIGNED_SECRET, _SECRET_WORD, quoted=_high_entropy, bare=_high_entropy, said=_high_entropy
    )


def _assigned(
    kind: SecretKind,
    word: str,
    *,
    quoted: Callable[[str, MatchContext], ParsedMatch | None],
    bare: Callable[[str, MatchContext], ParsedMatch | None],
    said: Callable[[str, MatchContext], ParsedMatch | None],
) -> Iterator[Recognizer]:
    """A value under its name: in quotes, written with `=`, or said in a sentence."""
    name = rf"(?i){word}\d{{0,2}}"
    yield Recognizer(
        kind=kind,
        gate=rf"{name}[\"']?\s*[:=]\s*[\"'0-9]",
        pattern=rf"{name}[\"']?\s*[:=]\s*(?:\"((?:[^\"\\\x00\n]|\\[^\x00])+)\"|'((?:[^'\\\x00\n]|\\[^\x00])+)'|([0-9]{{4,}})\b)",
        read=quoted,
    )
    bare_name = rf"{name}="
    yield Recognizer(
        kind=kind, gate=bare_name, pattern=bare_name + r"([^\s\x00\"'&;,<>\\][^\s\x00\"'&;,<>\\]+)", read=bare
    )
    said_name = rf"{name}(?:\s+is|\s*:|\s*=|\s+ist|\s+est|\s+es)\s+"
    yield Recognizer(kind=kind, gate=said_name, pattern=said_name + r"([^\s\x00\"'<>\\]+)", read=said)


def _no_phrase(text: str, _around: MatchContext) -> ParsedMatch | None:
    """Small letters alone are words with hyphens between them: `sk-learn-compatible-estimators`."""
    _, start, end = find_vendor_mark(text) or (None, 0, 0)
    words = text[:start] + text[end:]
    phrase = words == words.lower() and not any(char.isdigit() for char in words)
    return None if phrase else ParsedMatch(0, len(text), text)


def _alone(text: str, around: MatchContext) -> ParsedMatch | None:
    glued = is_word_char(around.before[-1:]) or is_word_char(around.after[:1])
    return None if glued else ParsedMatch(0, len(text), text)


def _private_key(text: str, _around: MatchContext) -> ParsedMatch | None:
    body = text.strip()
    start = text.find(body)
    canonical = "".join(char for char in body if char.isalnum())
    return ParsedMatch(start, start + len(body), canonical) if len(canonical) >= 16 else None


def _password(text: str, _around: MatchContext) -> ParsedMatch | None:
    return None if len(text) < 4 or _NO_PASSWORD.fullmatch(text) else ParsedMatch(0, len(text), text)


def _key_like(least: int) -> Callable[[str, MatchContext], ParsedMatch | None]:
    """A word with letters and digits: no word of a sentence."""

    def read(text: str, _around: MatchContext) -> ParsedMatch | None:
        value = text.rstrip(".,;:!?)")
        mixed = any(char.isdigit() for char in value) and any(char.isalpha() for char in value)
        if len(value) < least or not mixed or _NO_PASSWORD.fullmatch(value):
            return None
        return ParsedMatch(0, len(value), value)

    return read


def _high_entropy(text: str, around: MatchContext) -> ParsedMatch | None:
    read = _key_like(16)(text, around)
    if read is None or " " in read.canonical:
        return None
    return read if _entropy(read.canonical) >= _ENTROPY else None


def _entropy(text: str) -> float:
    """Shannon's, in bits a character."""
    return -sum(count / len(text) * math.log2(count / len(text)) for count in Counter(text).values())
