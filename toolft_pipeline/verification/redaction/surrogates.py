"""A made-up value in the place of a real one: the same shape, valid where a checksum exists, nobody's.

Invariant: a surrogate is a function of the value and the key, and within a run two values never share one, nor is it
a value of the run itself (then the next draw of the same function is taken). E-mail domains go to `.test` and IP
addresses to the ranges for benchmarks and documentation, which nobody can own; for cards, IBANs, phones and ids no
such range exists in every country. Redacting twice is therefore not idempotent but for e-mail and IP addresses: a mark
that told surrogates from values would let one value in so many through, and a run is redacted once.
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
from toolft_pipeline.verification.redaction.recognizer import Value

_ALPHABETS = (string.digits, string.ascii_lowercase, string.ascii_uppercase)
_PREFIX = re.compile(
    r"sk-(?:proj-|live-|test-|ant-)?|AKIA|ASIA|gh[pousr]_|github_pat_|xox[abprs]-|AIza|[srp]k_(?:live|test)_|eyJ"
    r"|AccountKey=|glpat-|gldt-|glft-|glsoat-|glrt-|GR1348941|glcbt-|glimt-|glptt-|glagent-|gloas-"
    r"|pypi-AgEIcHlwaS5vcmc|pypi-AgENdGVzdC5weXBpLm9yZw|SG\.|sq0csp-|AC|SK"
)
"""What a key announces itself by, and so belongs to its shape."""

_NEVER_OWNED = ipaddress.ip_network("198.18.0.0/15")
"""RFC 2544: benchmarks. The IPv6 counterpart is 2001:db8::/32 of RFC 3849."""

_TRIES = 2_000
"""Draws for a valid one; the rarest check, two digits modulo 97, takes about 100."""


class Surrogates:
    """The surrogates of one run."""

    def __init__(self, key: bytes, values: Collection[Value]) -> None:
        taken = {value.canonical for value in values}
        self.by_value: dict[Value, str] = {}
        for value in values:
            surrogate = next(drawn for attempt in count() if (drawn := _draw(value, key, attempt)) not in taken)
            taken.add(surrogate)
            self.by_value[value] = surrogate


def _draw(value: Value, key: bytes, attempt: int) -> str:
    kind, canonical = value
    if kind is PersonalData.EMAIL:
        return _email(canonical, key, attempt)
    if not isinstance(kind, PersonalData):
        return _secret(canonical, key, attempt)
    drawn = _Bytes(key, f"{kind}\0{canonical}", attempt)
    if kind is PersonalData.PHONE:
        return _phone(canonical, drawn)
    if kind is PersonalData.CARD:
        body = canonical[:6] + _alike(canonical[6:-1], drawn)
        return body + str(luhn.calc_check_digit(body))
    if kind is PersonalData.IBAN:
        account = _alike(canonical[4:], drawn)
        return canonical[:2] + str(iban.calc_check_digits(f"{canonical[:2]}00{account}")) + account
    return _ip(canonical, drawn) if kind is PersonalData.IP_ADDRESS else _national_id(canonical, drawn)


class _Bytes:
    """Bytes without end that are a function of key, text and attempt."""

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


def _alike(text: str, drawn: _Bytes) -> str:
    """Each letter and digit replaced by one of its kind, all else kept."""
    return "".join(_like(char, byte) for char, byte in zip(text, drawn.take(len(text)), strict=True))


def _like(char: str, byte: int) -> str:
    for alphabet in _ALPHABETS:
        if char in alphabet:
            return alphabet[byte % len(alphabet)]
    if char.isalpha():
        alphabet = string.ascii_uppercase if char.isupper() else string.ascii_lowercase
        return alphabet[byte % len(alphabet)]
    return string.digits[byte % 10] if char.isdigit() else char


def _secret(secret: str, key: bytes, attempt: int) -> str:
    prefix = _PREFIX.match(secret)
    kept = prefix.end() if prefix else 0
    drawn = _Bytes(key, secret, attempt)
    if secret.isdigit() and secret[0] != "0":  # a JSON number does not begin with 0
        return str(1 + drawn.take(1)[0] % 9) + _alike(secret[1:], drawn)
    surrogate = secret[:kept] + _alike(_roomy(secret[kept:], attempt), drawn)
    claims = secret.find(".eyJ") if prefix and prefix.group() == "eyJ" else -1  # a JSON web token's second part
    return surrogate if claims < 0 else f"{surrogate[:claims]}.eyJ{surrogate[claims + 4 :]}"


def _email(address: str, key: bytes, attempt: int) -> str:
    """Another local part; the domain's labels are drawn from the domain alone, so that colleagues stay colleagues."""
    local, domain = address.split("@")
    labels = _alike(domain.rpartition(".")[0], _Bytes(key, f"domain\0{domain}", 0))
    local = _alike(_roomy(local, attempt), _Bytes(key, f"email\0{address}", attempt))
    return f"{local}@{labels}.test"


def _roomy(text: str, attempt: int) -> str:
    """A text of few possible likenesses, longer by a letter every 40 attempts."""
    return text + "a" * (attempt // 40)


def _phone(number: str, drawn: _Bytes) -> str:
    """Country, first digits (area or network) and length stay; valid where the number was."""
    parsed = phonenumbers.parse(number)
    national = phonenumbers.national_significant_number(parsed)
    country = number[: len(number) - len(national)]
    valid = phonenumbers.is_valid_number(parsed)
    kept = min(3 if country == "+1" else 2, len(national) - 4)
    for _ in range(30):
        drawn_number = country + national[:kept] + _alike(national[kept:], drawn)
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
        surrogate = _alike(number, drawn)
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
