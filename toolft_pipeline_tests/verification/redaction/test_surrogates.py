"""Surrogates are valid by checks written out here, not by the libraries that drew them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolft_pipeline.settings import PersonalData
from toolft_pipeline.verification.redaction.recognizer import SecretKind, SensitiveValue
from toolft_pipeline.verification.redaction.surrogates import Surrogates


def surrogate(kind: PersonalData | SecretKind, canonical: str, *, key: bytes = b"test") -> str:
    value = SensitiveValue(kind, canonical)
    return Surrogates(key, [value]).by_value[value]


def luhn_sum(digits: str) -> int:
    doubled = [int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(digits))]
    return sum(each - 9 if each > 9 else each for each in doubled)


def iban_remainder(number: str) -> int:
    return int("".join(str(int(char, 36)) for char in number[4:] + number[:4])) % 97


@settings(max_examples=50, deadline=None)
@given(st.binary(min_size=1, max_size=8))
def test_surrogates_card_and_iban_pass_their_checks_and_keep_issuer_and_country(key: bytes) -> None:
    for card in ("4111111111111111", "378282246310005", "6011111111111117"):
        drawn = surrogate(PersonalData.CARD, card, key=key)
        assert luhn_sum(drawn) % 10 == 0
        assert (len(drawn), drawn[:6]) == (len(card), card[:6])
        assert drawn != card
    for number in ("DE89370400440532013000", "GB29NWBK60161331926819", "MT84MALT011000012345MTLCAST001S"):
        drawn = surrogate(PersonalData.IBAN, number, key=key)
        assert iban_remainder(drawn) == 1
        assert drawn[:2] == number[:2]
        assert re.sub(r"\d", "0", re.sub("[A-Z]", "A", drawn)) == re.sub(r"\d", "0", re.sub("[A-Z]", "A", number))
        assert drawn != number


@settings(max_examples=30, deadline=None)
@given(st.binary(min_size=1, max_size=8))
def test_surrogates_national_ids_pass_their_checks(key: bytes) -> None:
    dni = surrogate(PersonalData.NATIONAL_ID, "54362315K", key=key)
    assert dni[-1] == "TRWAGMYFPDXBNJZSQVHLCKE"[int(dni[:8]) % 23]
    nir = surrogate(PersonalData.NATIONAL_ID, "295109912611193", key=key)
    assert 97 - int(nir[:13]) % 97 == int(nir[13:])
    assert 1 <= int(nir[3:5]) <= 12
    cpf = surrogate(PersonalData.NATIONAL_ID, "39053344705", key=key)
    for length in (9, 10):
        total = sum(int(digit) * weight for digit, weight in zip(cpf, range(length + 1, 1, -1), strict=False))
        assert int(cpf[length]) == total * 10 % 11 % 10
    ssn = surrogate(PersonalData.NATIONAL_ID, "536904399", key=key)
    assert re.fullmatch(r"(?!000|666|9)\d{3}(?!00)\d\d(?!0000)\d{4}", ssn)
    curp = surrogate(PersonalData.NATIONAL_ID, "BOXW310820HNERXN09", key=key)
    assert re.fullmatch(r"[A-Z]{4}\d\d(0[1-9]|1[0-2])(0[1-9]|1\d|2[0-8])HNE[A-Z]{3}[0-9A-Z]\d", curp)
    assert dni != "54362315K"
    assert nir != "295109912611193"


@pytest.mark.parametrize("number", ["+4930901820", "+14155552671", "+442079460958", "+390612345678", "+15551234567"])
def test_surrogates_phone_keeps_country_area_and_length(number: str) -> None:
    drawn = {surrogate(PersonalData.PHONE, number, key=bytes([key])) for key in range(1, 30)}
    assert {len(each) for each in drawn} == {len(number)}
    assert all(each.startswith(number[:5]) and each != number for each in drawn)
    assert len(drawn) > 25


def test_surrogates_addresses_are_such_as_nobody_can_own() -> None:
    assert re.fullmatch(r"[a-z]{2}\.[a-z]{5}@[a-z]{5}\.test", surrogate(PersonalData.EMAIL, "jo.smith@firma.de"))
    assert re.fullmatch(r"198\.1[89]\.\d+\.\d+", surrogate(PersonalData.IP_ADDRESS, "8.8.4.4"))
    assert surrogate(PersonalData.IP_ADDRESS, "2606:4700:4700::1111").startswith("2001:db8:")


def test_surrogates_colleagues_keep_one_domain_and_strangers_two() -> None:
    a, b, c = (surrogate(PersonalData.EMAIL, each) for each in ("jo@firma.de", "al@firma.de", "jo@kunde.de"))
    assert a.split("@")[1] == b.split("@")[1] != c.split("@")[1]


@pytest.mark.parametrize(
    ("secret", "drawn"),
    [
        ("AKIAIOSFODNN7EXAMPLE", "AKIA"),
        ("sk-proj-abcDEF0123456789abcDEF", "sk-proj-"),
        ("glpat-abcdefghij0123456789", "glpat-"),
        ("ghp_0123456789abcdefABCDEF0123456789abcd", "ghp_"),
    ],
)
def test_surrogates_key_keeps_its_prefix_and_the_kind_of_every_character(secret: str, drawn: str) -> None:
    new = surrogate(SecretKind.VENDOR_TOKEN, secret)
    assert new.startswith(drawn)
    assert new != secret
    shape = str.maketrans(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", "A" * 26 + "a" * 26 + "0" * 10
    )
    assert new.translate(shape) == secret.translate(shape)


def test_surrogates_more_values_than_likenesses_still_differ() -> None:
    values = [SensitiveValue(SecretKind.PASSWORD, f"!!!{digit}") for digit in range(10)]
    values += [SensitiveValue(PersonalData.EMAIL, f"{letter}@x.de") for letter in "abcdefghijklmnopqrstuvwxyz"]
    drawn = Surrogates(b"test", values).by_value
    assert len(set(drawn.values())) == len(values)
    assert not set(drawn.values()) & {value.canonical for value in values}
