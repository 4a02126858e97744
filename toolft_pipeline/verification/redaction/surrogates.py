"""Surrogates: made-up values of the same shape, valid where a checksum exists, that belong to nobody.

Invariant: a surrogate is a function of the value and the key. Within a run two values never share one, and it is no
value of the run itself (then the next draw of the same function is taken). E-mail domains go to `.test` and IP
addresses to the ranges for benchmarks and documentation, which nobody can own; for cards, IBANs, phones and ids no such
range exists in every country. The surrogate of a secret ends in a seal that only the holder of the key can draw, so
redacting again leaves it. For the other kinds redaction is not idempotent, except for e-mail and IP addresses: their
seal would be so short that some real values would pass for sealed ones, and a run is redacted only once.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
import string
from collections.abc import Collection
from itertools import count

import phonenumbers
from stdnum import iban, luhn

from toolft_pipeline.settings import PersonalData
from toolft_pipeline.verification.redaction.personal import NATIONAL_IDS, e164
from toolft_pipeline.verification.redaction.recognizer import SecretKind, SensitiveValue
from toolft_pipeline.verification.redaction.vendor_formats import find_vendor_mark

_ALPHABETS = (string.digits, string.ascii_lowercase, string.ascii_uppercase)
_HEXADECIMAL = ("0123456789", "abcdef", "ABCDEF")
_PREFIX = re.compile(
    r"AccountKey=|gl[a-z]{2,6}-|GR1348941|pypi-AgEIcHlwaS5vcmc|pypi-AgENdGVzdC5weXBpLm9yZw|(?:AC|SK)(?=[a-z0-9]{32})"
)
"""Prefixes of keys in detect-secrets' formats, which belong to their shape."""

_HEX_LEAST = 20
"""Fewest letters and digits, none beyond F, that count as hexadecimal; of random lower case and digits one in ten
million does."""

_SEAL = 12
"""Letters and digits at the end of a surrogate that only the holder of the key can draw; for digits alone chance hits
once in 10^12."""

_SEALED_LEAST = 16
"""Fewest letters and digits of a secret whose surrogate is sealed: four are left to tell it from others."""

_NEVER_OWNED = ipaddress.ip_network("198.18.0.0/15")
"""RFC 2544: benchmarks. The IPv6 counterpart is 2001:db8::/32 of RFC 3849."""

_TRIES = 2_000
"""Draws for a valid one; the rarest check, two digits modulo 97, takes about 100."""


class Surrogates:
    """The surrogates of one run; secrets that are surrogates already get none."""

    def __init__(self, key: bytes, values: Collection[SensitiveValue]) -> None:
        taken = {value.canonical for value in values}
        self.by_value: dict[SensitiveValue, str] = {}
        for value in values:
            if not isinstance(value.kind, PersonalData) and is_surrogate(value.canonical, key):
                continue
            surrogate = next(drawn for attempt in count() if (drawn := _draw(value, key, attempt)) not in taken)
            taken.add(surrogate)
            self.by_value[value] = surrogate


def _draw(value: SensitiveValue, key: bytes, attempt: int) -> str:
    kind, canonical = value
    if kind is PersonalData.EMAIL:
        return _email(canonical, key, attempt)
    if not isinstance(kind, PersonalData):
        return _secret(canonical, key, attempt)
    drawn = _Bytes(key, f"{kind}\0{canonical}", attempt)
    if kind is PersonalData.PHONE:
        return _phone(canonical, drawn)
    if kind is PersonalData.CARD:
        body = canonical[:6] + _same_shape(canonical[6:-1], drawn)
        return body + str(luhn.calc_check_digit(body))
    if kind is PersonalData.IBAN:
        account = _same_shape(canonical[4:], drawn)
        return canonical[:2] + str(iban.calc_check_digits(f"{canonical[:2]}00{account}")) + account
    return _ip(canonical, drawn) if kind is PersonalData.IP_ADDRESS else _national_id(canonical, drawn)


class _Bytes:
    """An endless stream of bytes, a function of key, text and attempt."""

    def __init__(self, key: bytes, text: str, attempt: int) -> None:
        message = text.encode() + (f"\0{attempt}".encode() if attempt else b"")
        self._hash = hashlib.shake_256(hmac.new(key, message, hashlib.sha256).digest())
        self._given = 0
        self._ready = b""

    def take(self, length: int) -> bytes:
        start, self._given = self._given, self._given + length
        if self._given > len(self._ready):
            self._ready = self._hash.digest(max(256, 2 * self._given))
        return self._ready[start : self._given]


def _same_shape(text: str, drawn: _Bytes) -> str:
    """Replace each letter and digit by one of its class and keep all else."""
    return "".join(_like(char, byte) for char, byte in zip(text, drawn.take(len(text)), strict=True))


def _like(char: str, byte: int) -> str:
    alphabet = _alphabet(char)
    return alphabet[byte % len(alphabet)] if alphabet else char


def _secret(secret: str, key: bytes, attempt: int) -> str:
    """Replace each letter and digit except the vendor's mark by one of its alphabet; then seal it, if long enough."""
    drawn = _Bytes(key, secret, attempt)
    if secret.isdigit() and secret[0] != "0":  # a JSON number does not begin with 0
        return _sealed(str(1 + drawn.take(1)[0] % 9) + _same_shape(secret[1:], drawn), key)
    text = _roomy(secret, attempt)
    alphabets = _alphabets(text)
    start, end = _kept(text)
    begin = 0 if start else end
    pairs = zip(text[begin:], alphabets[begin:], drawn.take(len(text) - begin), strict=True)
    new = "".join(alphabet[byte % len(alphabet)] if alphabet else char for char, alphabet, byte in pairs)
    return _sealed(text[:begin] + new, key)


def is_surrogate(secret: str, key: bytes) -> bool:
    """Whether a secret was drawn here with this key, so that redaction leaves it; always false for short ones."""
    return _sealable(secret) and _sealed(secret, key) == secret


def _sealed(secret: str, key: bytes) -> str:
    """Draw the last letters and digits from all before them."""
    if not _sealable(secret):
        return secret
    alphabets = _alphabets(secret)
    places = [place for place, alphabet in enumerate(alphabets) if alphabet][-_SEAL:]
    sealed = list(secret)
    for place, byte in zip(places, _Bytes(key, f"seal\0{secret[: places[0]]}", 0).take(_SEAL), strict=True):
        sealed[place] = alphabets[place][byte % len(alphabets[place])]
    return "".join(sealed)


def _sealable(secret: str) -> bool:
    """Whether a secret is a vendor's key with room for a seal. Kinds that had stand-ins before there was one keep
    those that training sets hold already; and a password's would be guessed too soon."""
    mark = find_vendor_mark(secret)
    if mark is None or mark.kind is not SecretKind.VENDOR_TOKEN:
        return False
    return sum(map(bool, _alphabets(secret))) >= _SEALED_LEAST


def _alphabets(secret: str) -> list[str]:
    """The alphabet of each character of a secret; empty where it stays."""
    alphabets = [_alphabet(char) for char in secret]
    start, end = _kept(secret)
    alphabets[start:end] = [""] * (end - start)
    if secret.startswith("eyJ") and (claims := secret.find(".eyJ")) >= 0:  # a JSON web token's second part
        alphabets[claims : claims + 4] = [""] * 4
    body = "".join(char if alphabet else " " for char, alphabet in zip(secret, alphabets, strict=True))
    whole = _is_hexadecimal(body.replace(" ", ""))
    for run in re.finditer(r"\S+", body):
        if whole or _is_hexadecimal(run.group()):
            alphabets[run.start() : run.end()] = [
                next(each for each in _HEXADECIMAL if char in each) for char in run.group()
            ]
    return alphabets


def _kept(secret: str) -> tuple[int, int]:
    """The span of a secret that identifies its vendor."""
    if mark := find_vendor_mark(secret):
        return mark.start, mark.end
    prefix = _PREFIX.match(secret)
    return prefix.span() if prefix else (0, 0)


def _alphabet(char: str) -> str:
    for alphabet in _ALPHABETS:
        if char in alphabet:
            return alphabet
    if char.isalpha():
        return string.ascii_uppercase if char.isupper() else string.ascii_lowercase
    return string.digits if char.isdigit() else ""


def _is_hexadecimal(text: str) -> bool:
    return len(text) >= _HEX_LEAST and re.fullmatch("[0-9a-f]+|[0-9A-F]+", text) is not None


def _email(address: str, key: bytes, attempt: int) -> str:
    """Draw another local part; the domain depends on the domain alone, so that colleagues stay colleagues."""
    local, domain = address.split("@")
    labels = _same_shape(domain.rpartition(".")[0], _Bytes(key, f"domain\0{domain}", 0))
    local = _same_shape(_roomy(local, attempt), _Bytes(key, f"email\0{address}", attempt))
    return f"{local}@{labels}.test"


def _roomy(text: str, attempt: int) -> str:
    """The text, one letter longer every 40 attempts, in case its shape has too few values."""
    return text + "a" * (attempt // 40)


def _phone(number: str, drawn: _Bytes) -> str:
    """Draw a number with the same country, first digits (area or network) and length, valid if the old one is."""
    parsed = phonenumbers.parse(number)
    national = phonenumbers.national_significant_number(parsed)
    country = number[: len(number) - len(national)]
    valid = phonenumbers.is_valid_number(parsed)
    kept = min(3 if country == "+1" else 2, len(national) - 4)
    for _ in range(30):
        drawn_number = country + national[:kept] + _same_shape(national[kept:], drawn)
        again = phonenumbers.parse(drawn_number)
        if e164(again) == drawn_number and phonenumbers.is_valid_number(again) == valid:
            break
    return drawn_number


def _ip(address: str, drawn: _Bytes) -> str:
    random = int.from_bytes(drawn.take(12), "big")
    if ":" in address:
        return str(ipaddress.IPv6Address((0x20010DB8 << 96) + random))
    return str(_NEVER_OWNED[1 + random % (_NEVER_OWNED.num_addresses - 2)])


def _national_id(number: str, drawn: _Bytes) -> str:
    national = next(each for each in NATIONAL_IDS if len(each.surrogate) == len(number) and each.is_valid(number))
    surrogate = number
    for _ in range(_TRIES):
        surrogate = _same_shape(number, drawn)
        surrogate = "".join(
            old if how == "=" else new for how, old, new in zip(national.surrogate, number, surrogate, strict=True)
        )
        for mark, most in (("MM", 12), ("DD", 28)):
            at = national.surrogate.find(mark)
            if at >= 0:
                surrogate = f"{surrogate[:at]}{1 + drawn.take(1)[0] % most:02}{surrogate[at + 2 :]}"
        if surrogate != number and national.is_valid(surrogate):
            break
    return surrogate
