from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolft_pipeline.curation.dedup.shingles import normalized, shingle_sets
from toolft_pipeline_tests.curation import plain_sets

WORDS = st.sampled_from(["a", "A", "b", "order", "ORDER", "straße", "STRASSE", "ﬁx", "é", "e\u0301", "日本", "_", "7"])
BREAKS = st.sampled_from([" ", "  ", "\n", "-", "\0", "\N{GRINNING FACE}", "\u00a0", "'", "\ud800", "."])
TEXTS = st.lists(st.one_of(st.text(max_size=40), st.lists(st.one_of(WORDS, BREAKS)).map("".join)), max_size=12)


def test_normalized_evens_out_case_punctuation_spacing_and_width() -> None:
    assert normalized("  Cancel\nORDER №7 -- now! ") == normalized("cancel order no7 now")


@given(texts=TEXTS)
def test_shingle_sets_share_what_plain_sets_share(texts: list[str]) -> None:
    found = shingle_sets(texts)
    assert len(found) == len(texts)
    plain = [plain_sets.shingles(text) for text in texts]
    for one, (hashes, strings) in enumerate(zip(found, plain, strict=True)):
        assert len(hashes) == len(strings)
        assert (np.diff(hashes.astype(object)) > 0).all()
        for other in range(one):
            assert len(np.intersect1d(hashes, found[other])) == len(strings & plain[other])


@given(texts=TEXTS, other=st.text(max_size=40))
def test_shingle_sets_of_a_text_are_the_same_in_any_batch(texts: list[str], other: str) -> None:
    together = shingle_sets([other, *texts, other])
    for place, text in enumerate(texts, start=1):
        assert together[place].tolist() == shingle_sets([text])[0].tolist()


def test_shingle_sets_are_pinned() -> None:
    """Days that were hashed before are compared with days hashed now: other hashes need another code version."""
    assert shingle_sets(["Cancel order 7 for Zoë, extraordinarily late"])[0].tolist() == [
        4976491678545740379,
        5549594855742893607,
        6973381340322136542,
        7113681867790524469,
        8634799141330792599,
    ]


@pytest.mark.parametrize("text", ["", " ?! ", "\0", "\N{GRINNING FACE}"])
def test_shingle_sets_text_without_words_is_the_empty_set(text: str) -> None:
    assert shingle_sets(["x", text, "y"]).sizes.tolist() == [1, 0, 1]


@pytest.mark.parametrize(("one", "other"), [("a b", "b a"), ("a", "a a"), ("ab", "a b"), ("a b c", "a b"), ("é", "e")])
def test_shingle_sets_order_number_and_borders_of_words_count(one: str, other: str) -> None:
    sets = shingle_sets([one, other])
    assert not np.intersect1d(sets[0], sets[1]).size


def test_shingle_sets_long_words_differ_in_any_place() -> None:
    word = "abcdefgh" * 1000
    changed = [word[:at] + "_" + word[at + 1 :] for at in (0, 7, 8, 4095, 4096, 7999)] + [word[:-1], word + "a"]
    short = [word[:length] for length in (1, 7, 8, 9, 15, 16, 17, 4095, 4096, 4097)]
    sets = shingle_sets([word, *changed, *short])
    assert len({found.tolist()[0] for found in sets}) == len(sets)


def test_shingle_sets_of_one_huge_word_are_fast() -> None:
    seconds = []
    for text in ("word " * 800_000, "x" * 4_000_000, "é" * 2_000_000):
        began = time.process_time()
        shingle_sets([text])
        seconds.append(time.process_time() - began)
    assert max(seconds[1:]) < 4 * seconds[0] + 1
