from __future__ import annotations

from decimal import Decimal

import pytest

from toolft_pipeline.trajectories.grounding_text import GroundingText, amount, is_identifier, is_number, words


@pytest.mark.parametrize("word", ["c-1420", "usr002", "ana@b.test", "3f2a-77", "file1.txt", "o-77/b"])
def test_identifier_mixes_letters_and_digits_or_is_an_address(word: str) -> None:
    assert is_identifier(word)
    assert not is_number(word)


@pytest.mark.parametrize("word", ["17", "1,200.50", "2026-10-05", "10:30", "5kg", "3rd", "12:00-13:30"])
def test_number_is_an_amount_a_date_or_a_time(word: str) -> None:
    assert is_number(word)
    assert not is_identifier(word)


def test_words_skip_list_numbers_and_keep_ids_whole() -> None:
    assert words("1. Order O-1420, paid.\n2. ana@b.test") == ["order", "o-1420", "paid", "ana@b.test"]


def test_phrase_is_found_as_whole_words_only() -> None:
    text = GroundingText()
    text.add_text('{"order":"O-14201","name":"Hilda Yorke"}', result=True)
    assert text.in_run("hilda yorke")
    assert text.in_run("o-14201")
    assert not text.in_run("o-1420")
    assert not text.in_run("hild")


def test_json_is_read_without_its_escapes() -> None:
    text = GroundingText()
    text.add_text(r'{"name":"Jos\u00e9"}', result=True)
    assert text.in_run("josé")


@pytest.mark.parametrize(
    ("word", "grounded"),
    [("1200.5", True), ("1,200.50", True), ("17", True), ("17kg", True), ("3", True), ("4", False), ("18", False)],
)
def test_number_is_grounded_in_other_digits_or_as_a_count(word: str, grounded: bool) -> None:
    text = GroundingText()
    text.add_text('{"total":1200.50,"stock":17,"tickets":["a","b","c"]}', result=True)
    assert text.contains_number(word) is grounded


def test_range_is_grounded_if_each_part_is() -> None:
    text = GroundingText()
    text.add_text("from 10:30 to 12:00")
    assert text.contains_number("10:30-12:00")
    assert not text.contains_number("10:30-12:45")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It is $1,200.50.", ["it", "is", "1,200.50"]),
        ("1.234,50 EUR or 52,50", ["1.234,50", "eur", "or", "52,50"]),
        ("1\u2019234.50 and 1\u00a0234,50", ["1\u2019234.50", "and", "1\u00a0234,50"]),
        ("[1,2,3]", ["1", "2,3"]),
        ("O-1,234", ["o-1", "234"]),
    ],
)
def test_words_keep_numbers_with_separators_whole(text: str, found: list[str]) -> None:
    assert words(text) == found


def test_two_numbers_with_a_comma_are_checked_each() -> None:
    text = GroundingText()
    text.add_text("seats 14 and 22 and 5")
    assert text.contains_number("14,22")
    assert not text.contains_number("14,23")


@pytest.mark.parametrize(
    ("word", "number"),
    [("1,200.50", "1200.50"), ("1.234,50", "1234.50"), ("12kg", "12"), ("2026-10-05", None), ("10:30", None),
     ("007", None), ("1.2.3", None), ("1.234.567", "1234567"), ("3,5", "3.5"), ("c-7", None)],
)  # fmt: skip
def test_amount_is_the_number_that_a_word_is(word: str, number: str | None) -> None:
    assert amount(word) == (None if number is None else Decimal(number))


def test_text_before_the_run_grounds_but_is_not_in_the_run() -> None:
    before = GroundingText()
    before.add_text("Buy/Sell, at most 4711")
    text = GroundingText(before=before)
    assert (text.contains("buy"), text.in_run("buy"), text.contains_number("4,711")) == (True, False, True)
