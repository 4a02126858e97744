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


def test_words_leave_out_the_numbers_of_a_list_and_keep_ids_whole() -> None:
    assert words("1. Order O-1420, paid.\n2. ana@b.test") == ["order", "o-1420", "paid", "ana@b.test"]


def test_told_phrase_counts_as_whole_words_only() -> None:
    told = GroundingText()
    told.add_text('{"order":"O-14201","name":"Hilda Yorke"}', result=True)
    assert told.in_run("hilda yorke")
    assert told.in_run("o-14201")
    assert not told.in_run("o-1420")
    assert not told.in_run("hild")


def test_told_json_is_read_without_its_escapes() -> None:
    told = GroundingText()
    told.add_text(r'{"name":"Jos\u00e9"}', result=True)
    assert told.in_run("josé")


@pytest.mark.parametrize(
    ("word", "known"),
    [("1200.5", True), ("1,200.50", True), ("17", True), ("17kg", True), ("3", True), ("4", False), ("18", False)],
)
def test_told_number_counts_in_other_digits_and_as_a_count_of_what_is_listed(word: str, known: bool) -> None:
    told = GroundingText()
    told.add_text('{"total":1200.50,"stock":17,"tickets":["a","b","c"]}', result=True)
    assert told.contains_number(word) is known


def test_told_date_in_parts_counts_where_every_part_was_told() -> None:
    told = GroundingText()
    told.add_text("from 10:30 to 12:00")
    assert told.contains_number("10:30-12:00")
    assert not told.contains_number("10:30-12:45")


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
def test_words_keep_a_number_with_its_thousands_and_decimals_whole(text: str, found: list[str]) -> None:
    assert words(text) == found


def test_told_two_numbers_with_a_comma_between_are_each_told() -> None:
    told = GroundingText()
    told.add_text("seats 14 and 22 and 5")
    assert told.contains_number("14,22")
    assert not told.contains_number("14,23")


@pytest.mark.parametrize(
    ("word", "number"),
    [("1,200.50", "1200.50"), ("1.234,50", "1234.50"), ("12kg", "12"), ("2026-10-05", None), ("10:30", None),
     ("007", None), ("1.2.3", None), ("1.234.567", "1234567"), ("3,5", "3.5"), ("c-7", None)],
)  # fmt: skip
def test_amount_is_the_number_that_a_word_is(word: str, number: str | None) -> None:
    assert amount(word) == (None if number is None else Decimal(number))


def test_told_before_the_run_is_known_and_was_not_said_in_it() -> None:
    before = GroundingText()
    before.add_text("Buy/Sell, at most 4711")
    told = GroundingText(before=before)
    assert (told.contains("buy"), told.in_run("buy"), told.contains_number("4,711")) == (True, False, True)
