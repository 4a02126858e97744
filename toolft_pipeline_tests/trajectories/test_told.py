from __future__ import annotations

import pytest

from toolft_pipeline.trajectories.told import Told, is_identifier, is_number, words


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
    told = Told()
    told.hear('{"order":"O-14201","name":"Hilda Yorke"}', result=True)
    assert told.has("hilda yorke")
    assert told.has("o-14201")
    assert not told.has("o-1420")
    assert not told.has("hild")


def test_told_json_is_read_without_its_escapes() -> None:
    told = Told()
    told.hear(r'{"name":"Jos\u00e9"}', result=True)
    assert told.has("josé")


@pytest.mark.parametrize(
    ("word", "known"),
    [("1200.5", True), ("1,200.50", True), ("17", True), ("17kg", True), ("3", True), ("4", False), ("18", False)],
)
def test_told_number_counts_in_other_digits_and_as_a_count_of_what_is_listed(word: str, known: bool) -> None:
    told = Told()
    told.hear('{"total":1200.50,"stock":17,"tickets":["a","b","c"]}', result=True)
    assert told.has_number(word) is known


def test_told_date_in_parts_counts_where_every_part_was_told() -> None:
    told = Told()
    told.hear("from 10:30 to 12:00")
    assert told.has_number("10:30-12:00")
    assert not told.has_number("10:30-12:45")
