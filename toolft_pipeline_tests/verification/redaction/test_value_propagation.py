"""A value that one text reveals is found in every other spelling, and nothing that only resembles it is changed."""

from __future__ import annotations

import pytest

from toolft_pipeline.settings import PersonalData, RedactionSettings
from toolft_pipeline.verification.redaction.detector import Match, drop_overlaps
from toolft_pipeline.verification.redaction.recognizer import SecretKind, SensitiveValue
from toolft_pipeline.verification.redaction.run import Redactor
from toolft_pipeline_tests.conversations import says, trajectory, user

REDACTOR = Redactor(RedactionSettings(phone_regions=("DE",)), key=b"test")


def second_text(first: str, second: str) -> str:
    """What becomes of a text in a run whose first message is another."""
    redacted, _ = REDACTOR.run(trajectory(user(first), says(second)))
    return redacted.messages[1].text


@pytest.mark.parametrize(
    ("secret", "found"),
    [
        ("correcthorse", True),  # 12 letters
        ("correcthors", False),  # 11: it may be a word
        ("horse7", True),  # 6 letters and digits
        ("hors7", False),
        ("correct", False),
    ],
)
def test_secret_is_found_again_from_this_length_on(secret: str, found: bool) -> None:
    named = f'{{"password": "{secret}"}}'
    assert secret not in REDACTOR.text(named), "the recognizer itself must find it where it is named"
    assert (secret not in second_text(named, f"I typed {secret} twice")) == found


@pytest.mark.parametrize("text", ["xhunter2secret", "hunter2secrets", "hunter2secret_old", "0hunter2secret"])
def test_secret_inside_a_longer_word_stays(text: str) -> None:
    assert second_text("my password is hunter2secret", f"see {text} there") == f"see {text} there"


@pytest.mark.parametrize(
    "spelled",
    ["+49 30 901820", "030 901820", "0049 30 901820", "030/901820", "030-90-18-20", "49 30 901820", "30901820"],
)
def test_phone_number_is_found_in_every_spelling(spelled: str) -> None:
    digits = "".join(char for char in second_text("call +4930901820", f"dial {spelled} now") if char.isdigit())
    assert not digits.endswith("901820")


@pytest.mark.parametrize("code", ["order 1230901820", "order 309018204", "A30901820", "30901820b", "99930901820"])
def test_digits_inside_a_longer_code_stay(code: str) -> None:
    assert second_text("call +4930901820", f"see {code}.") == f"see {code}."


def test_secret_inside_what_looks_like_an_address_goes_whole() -> None:
    """`s3cretpw@mail.firma.de` is an e-mail address, and a longer match than the password."""
    redacted = REDACTOR.text("open https://admin:s3cretpw@mail.firma.de/x")
    assert "s3cretpw" not in redacted
    assert redacted.endswith("@mail.firma.de/x"), "the host is no secret"


def match(start: int, end: int, kind: SecretKind | PersonalData) -> Match:
    text = "x" * (end - start)
    return Match(start=start, end=end, reads=text, written=text, value=SensitiveValue(kind, text))


def test_matches_side_by_side_are_both_kept() -> None:
    """The second begins where the first ends; one that begins a character earlier overlaps it."""
    one, next_to_it = match(0, 5, SecretKind.PASSWORD), match(5, 9, SecretKind.PASSWORD)
    assert drop_overlaps([next_to_it, one]) == [one, next_to_it]
    assert drop_overlaps([one, match(4, 9, SecretKind.PASSWORD)]) == [one]


def test_of_overlapping_matches_the_secret_then_the_longest_stays() -> None:
    secret, address = match(3, 6, SecretKind.PASSWORD), match(0, 9, PersonalData.EMAIL)
    assert drop_overlaps([address, secret]) == [secret]
    short, long = match(0, 4, PersonalData.PHONE), match(1, 9, PersonalData.CARD)
    assert drop_overlaps([short, long]) == [long]
