"""Recognizers of personal data with an unmistakable form or a checksum.

Libraries decide what is valid: phonenumbers (Google's), python-stdnum (check digits, IBANs, national ids), ipaddress
(global addresses). Values reserved for examples belong to nobody and stay: the domains of RFC 2606 and RFC 6761,
addresses that are not globally routed.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial

import phonenumbers
from phonenumbers import PhoneNumber, ValidationResult
from stdnum import iban, luhn, numdb
from stdnum.br import cpf
from stdnum.es import dni, nie
from stdnum.fr import nir
from stdnum.it import codicefiscale
from stdnum.mx import curp
from stdnum.us import ssn

from toolft_pipeline.settings import PersonalData, RedactionSettings
from toolft_pipeline.verification.redaction.recognizer import (
    MatchContext,
    ParsedMatch,
    Recognizer,
    is_standalone,
    is_word_char,
)

_LETTER = r"\p{Latin}\p{Cyrillic}\p{Greek}"
"""Scripts that separate words by spaces: in others a sentence would run into the address."""

_EMAIL = (
    rf"[{_LETTER}0-9._+'-]+(?:@|%40)(?:[{_LETTER}0-9](?:[{_LETTER}0-9-]*[{_LETTER}0-9])?\.)+"
    rf"(?:xn--[a-z0-9-]+|[{_LETTER}]{{2,24}})"
)
_AT = re.compile("@|%40")
_RESERVED = re.compile(r"(?:.*\.)?(?:test|example|invalid|localhost|example\.(?:com|net|org|edu))")
"""RFC 2606 and RFC 6761; example.edu is reserved by its registry."""

_PHONE = r"(?:\+|%2[Bb])[ (]{0,2}[1-9](?:[ ().\-/\x{a0}]{0,3}[0-9]){6,14}"
_PHONE_IN_NORTH_AMERICA = r"\([2-9][0-9]{2}\) ?[0-9]{3}[-. ][0-9]{4}"
_PHONE_OF_A_REGION = r"\(?0?[0-9](?:[ ().\-/\x{a0}]{0,3}[0-9]){5,14}"

_CARD = r"\b(?:4[0-9]{3}|5[1-5][0-9]{2}|2[2-7][0-9]{2}|3[0-9]{3}|6[0245][0-9]{2})(?:[ \-\n\x{a0}]?[0-9]){10,15}"
_CARD_SCHEME = re.compile(
    r"4\d{15}(?:\d{3})?|5[1-5]\d{14}|2(?:2[2-9]|[3-6]\d|7[01]|720)\d{12,13}|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}"
    r"|35(?:2[89]|[3-8]\d)\d{12}|6(?:011|5\d\d|4[4-9]\d)\d{12}|62\d{14,17}"
)
"""Prefixes and lengths of Visa, Mastercard, American Express, Diners, JCB, Discover, UnionPay: of random digits one
in ten passes the Luhn check alone."""

_IBAN = r"(?i)\b[A-Z]{2}[0-9]{2}(?:[ \-\n\x{a0}]?[A-Z0-9]){11,30}"

_IPV4 = r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}"
_IPV6 = r"[23][0-9A-Fa-f]{3}:(?:[0-9A-Fa-f]{0,4}:){1,6}[0-9A-Fa-f]{0,4}"
_VERSION = re.compile(r"(?i)(?:\w/|\b(?:v|ver|version|release|build|firmware)\W{0,3})$")


@dataclass(frozen=True, kw_only=True)
class NationalId:
    """A country's id: its form in RE2's syntax, its check, and the shape of a surrogate: `=` keeps a character, `M` and
    `D` are a month's and a day's digits, `*` is any character of its class."""

    pattern: str
    is_valid: Callable[[str], bool]
    surrogate: str


NATIONAL_IDS = (
    NationalId(  # Brazil: CPF
        pattern=r"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}", is_valid=cpf.is_valid, surrogate="***********"
    ),
    NationalId(  # Spain: DNI and NIE
        pattern=r"(?i)(?:[XYZ][0-9]{7}|[0-9]{8})-?[A-HJ-NP-TV-Z]",
        is_valid=lambda text: bool(dni.is_valid(text) or nie.is_valid(text)),
        surrogate="=********",
    ),
    NationalId(  # France: NIR
        pattern=r"[12] ?[0-9]{2} ?[0-9]{2} ?[0-9][0-9AB] ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}",
        is_valid=nir.is_valid,
        surrogate="=**MM==********",
    ),
    NationalId(  # Italy: codice fiscale
        pattern=r"(?i)[A-Z]{6}[0-9LMNP-V]{2}[ABCDEHLMPRST][0-9LMNP-V]{2}[A-Z][0-9LMNP-V]{3}[A-Z]",
        is_valid=codicefiscale.is_valid,
        surrogate="********=*******",
    ),
    NationalId(  # Mexico: CURP
        pattern=r"(?i)[A-Z]{4}[0-9]{6}[HM][A-Z]{5}[0-9A-Z][0-9]",
        is_valid=curp.is_valid,
        surrogate="******MMDD===*****",
    ),
    NationalId(  # United States: social security number
        pattern=r"[0-9]{3}-[0-9]{2}-[0-9]{4}", is_valid=ssn.is_valid, surrogate="*********"
    ),
)
"""Ids that differ from other numbers by their form or check characters. Bare runs of 9 to 12 digits with one check
digit are left out: every tenth order number passes."""


def personal_recognizers(settings: RedactionSettings) -> list[Recognizer]:
    """The recognizers of the kinds in the settings, without the values that they allow."""
    allowed = [re.compile(pattern, re.IGNORECASE) for pattern in settings.allow]
    return [
        dataclasses.replace(each, read=partial(_unless_allowed, each, allowed))
        for each in _recognizers(settings.phone_regions)
        if each.kind in settings.personal_data
    ]


def _unless_allowed(
    recognizer: Recognizer, allowed: Sequence[re.Pattern[str]], text: str, around: MatchContext
) -> ParsedMatch | None:
    reading = recognizer.read(text, around)
    if reading is None:
        return None
    names = [reading.canonical, text[reading.start : reading.end]]
    if recognizer.kind is PersonalData.EMAIL:
        names.append(reading.canonical.partition("@")[2])
    return None if any(pattern.fullmatch(name) for pattern in allowed for name in names) else reading


def _recognizers(phone_regions: Sequence[str]) -> Iterator[Recognizer]:
    def recognizer(
        kind: PersonalData,
        pattern: str,
        read: Callable[[str, MatchContext], ParsedMatch | None],
        gate: str | None = None,
    ) -> Recognizer:
        overlapping = kind in {PersonalData.CARD, PersonalData.IBAN}
        return Recognizer(kind=kind, gate=gate or pattern, pattern=pattern, read=read, overlapping=overlapping)

    yield recognizer(PersonalData.EMAIL, _EMAIL, _email, gate=r"\S(?:@|%40)\S")
    yield recognizer(PersonalData.PHONE, _PHONE, partial(_phone, None))
    yield recognizer(PersonalData.PHONE, _PHONE_IN_NORTH_AMERICA, partial(_phone, "US"))
    for region in phone_regions:
        yield recognizer(PersonalData.PHONE, _PHONE_OF_A_REGION, partial(_phone_of_a_region, region))
    yield recognizer(PersonalData.CARD, _CARD, _card)
    yield recognizer(PersonalData.IBAN, _IBAN, _iban)
    yield recognizer(PersonalData.IP_ADDRESS, _IPV4, _ip)
    yield recognizer(PersonalData.IP_ADDRESS, _IPV6, _ip, gate=r"[23][0-9A-Fa-f]{3}:[0-9A-Fa-f:]")
    for national in NATIONAL_IDS:
        yield recognizer(PersonalData.NATIONAL_ID, national.pattern, partial(_national_id, national.is_valid))


def _email(text: str, around: MatchContext) -> ParsedMatch | None:
    escaped = 2 if around.before[-1:] == "%" and re.match("[0-9A-F]{2}", text) else 0  # %20jo%40firma.de
    start = len(text) - len(text[escaped:].lstrip(".'-"))
    local, domain = _AT.split(text[start:].lower(), maxsplit=1)
    if not local or around.after[:1].isdigit() or _RESERVED.fullmatch(domain):
        return None
    if local == "git" and around.after[:1] == ":":  # git@host.org:team/project
        return None
    return ParsedMatch(start, len(text), f"{local}@{domain}")


def _phone(region: str | None, text: str, around: MatchContext) -> ParsedMatch | None:
    if is_word_char(around.before[-1:]) or is_word_char(around.after[:1]):
        return None
    number = _parsed(text.replace("%2B", "+").replace("%2b", "+"), region)
    if number is None or phonenumbers.is_possible_number_with_reason(number) != ValidationResult.IS_POSSIBLE:
        return None
    return ParsedMatch(0, len(text), e164(number))


def _phone_of_a_region(region: str, text: str, around: MatchContext) -> ParsedMatch | None:
    """Accept a national number only in its country's grouping, which order numbers and dates do not have."""
    if not is_standalone(around):
        return None
    leniency = phonenumbers.Leniency.STRICT_GROUPING
    found = next(iter(phonenumbers.PhoneNumberMatcher(text, region, leniency=leniency)), None)
    return None if found is None else ParsedMatch(found.start, found.end, e164(found.number))


def _parsed(text: str, region: str | None) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None


def e164(number: PhoneNumber) -> str:
    """The international spelling of a number: a plus and digits."""
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _card(text: str, around: MatchContext) -> ParsedMatch | None:
    digits = re.sub(r"\D", "", text)
    if not is_standalone(around) or not _CARD_SCHEME.fullmatch(digits) or not luhn.is_valid(digits):
        return None
    return ParsedMatch(0, len(text), digits)


def _iban(text: str, around: MatchContext) -> ParsedMatch | None:
    """Cut the match, which may include the next words, to the length of its country's IBANs."""
    places = [place for place, char in enumerate(text) if char.isalnum()]
    compact = "".join(text[place] for place in places).upper()
    length = _iban_length(compact[:2])
    if not 0 < length <= len(compact):
        return None
    end = places[length - 1] + 1
    alone = is_standalone(MatchContext(around.before, (text[end:] + around.after)[:4]))
    return (
        ParsedMatch(0, end, compact[:length])
        if alone and iban.is_valid(compact[:length], check_country=False)
        else None
    )


@cache
def _iban_length(country: str) -> int:
    """Length of a country's IBANs, 0 where it has none."""
    found = numdb.get("iban").info(country)[0][1]
    return 4 + sum(int(digits) for digits in re.findall(r"\d+", found["bban"])) if "bban" in found else 0


def _ip(text: str, around: MatchContext) -> ParsedMatch | None:
    if not is_standalone(around) or (":" not in text and _VERSION.search(around.before)):
        return None
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return ParsedMatch(0, len(text), address.compressed) if address.is_global else None


def _national_id(is_valid: Callable[[str], bool], text: str, around: MatchContext) -> ParsedMatch | None:
    if not is_standalone(around) or not is_valid(text):
        return None
    return ParsedMatch(0, len(text), "".join(char for char in text if char.isalnum()).upper())
