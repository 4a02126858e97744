"""Recognizers of secrets: keys with a vendor's prefix, private keys, and values that a text calls a password.

Vendors' formats come from detect-secrets and, for the many that it lacks, from `vendor_formats.py`. The line scanner of
detect-secrets is not used: it tries each pattern in turn and returns no position.
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
"""Detectors with unmistakable formats; those that need a word nearby or entropy alone are left out."""

_AFTER_A_MARK = "[A-Za-z0-9_.~/+@=-]{10}"
"""Every key continues like this for at least ten characters; a longer gate would cost states and filter no more."""

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
"""Words in the place of a password that are none: placeholders, states, words of a form."""

_ENTROPY = 3.0
"""Fewest bits per character of a value that counts as a key by its name alone; random hexadecimal has about 3.6."""


def credential_recognizers() -> list[Recognizer]:
    """Secrets after a name or a header, and the formats of detect-secrets."""
    return [*_vendor_tokens(), *_named_secrets()]


def custom_recognizers(patterns: Sequence[str]) -> list[Recognizer]:
    """The secrets of an agent's own patterns: the group of a pattern, if it has one, else the whole match."""
    return [
        Recognizer(
            kind=SecretKind.OWN_PATTERN, gate=each, pattern=each, read=lambda text, _: ParsedMatch(0, len(text), text)
        )
        for each in patterns
    ]


def vendor_key_recognizers() -> list[Recognizer]:
    """One recognizer for each kind with the formats of all its vendors; the gate needs little but a mark."""
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
            # RE2 has no lookahead and no repetition above 1,000, so the pattern matches a little more
            pattern = _GROUP.sub("(?:", listed.pattern.replace(r"(?!\w)", "").replace("{50,1024}", "{50,}"))
            yield Recognizer(kind=SecretKind.VENDOR_TOKEN, gate=pattern, pattern=pattern, read=_alone)


def _named_secrets() -> Iterator[Recognizer]:
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
    yield from _assigned(
        SecretKind.PASSWORD, _PASSWORD_WORD, quoted=_password, bare=_password, in_sentence=_key_like(6)
    )
    yield from _assigned(
        SecretKind.ASSIGNED_SECRET, _SECRET_WORD, quoted=_high_entropy, bare=_high_entropy, in_sentence=_high_entropy
    )


def _assigned(
    kind: SecretKind,
    word: str,
    *,
    quoted: Callable[[str, MatchContext], ParsedMatch | None],
    bare: Callable[[str, MatchContext], ParsedMatch | None],
    in_sentence: Callable[[str, MatchContext], ParsedMatch | None],
) -> Iterator[Recognizer]:
    """A value after its name: in quotes, after `=`, or in a sentence."""
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
    sentence_name = rf"{name}(?:\s+is|\s*:|\s*=|\s+ist|\s+est|\s+es)\s+"
    yield Recognizer(kind=kind, gate=sentence_name, pattern=sentence_name + r"([^\s\x00\"'<>\\]+)", read=in_sentence)


def _no_phrase(text: str, _around: MatchContext) -> ParsedMatch | None:
    """Refuse lower-case letters alone, which are words with hyphens: `sk-learn-compatible-estimators`."""
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
    """Accept words of letters and digits only; a sentence has none."""

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
    """Shannon entropy in bits per character."""
    return -sum(count / len(text) * math.log2(count / len(text)) for count in Counter(text).values())
