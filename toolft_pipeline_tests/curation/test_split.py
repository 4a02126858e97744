from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from toolft_pipeline.curation.split import Split, is_validation, kept_for_tools, key_number

KEYS = [f"family|entity {number}" for number in range(4000)]


def side_of(key: str, *, share: float) -> Split:
    numbers = np.array([key_number(key, seed=0)], np.uint64)
    return Split.VALIDATION if is_validation(numbers, share=share)[0] else Split.TRAIN


def test_number_of_a_key_is_pinned_for_ever() -> None:
    known = int(hashlib.sha256(b"0\0cancel_order|4711").hexdigest()[:16], 16)
    assert key_number("cancel_order|4711", seed=0) == known == 3335568446690600049
    assert key_number("cancel_order|4711", seed=1) != known


def test_side_share_of_keys_in_validation_is_the_share_asked_for() -> None:
    held = sum(side_of(key, share=0.1) is Split.VALIDATION for key in KEYS)
    assert 0.08 < held / len(KEYS) < 0.12
    assert all(side_of(key, share=0) is Split.TRAIN for key in KEYS)


def test_side_larger_share_only_adds_keys_to_validation() -> None:
    small, large = ({key for key in KEYS if side_of(key, share=s) is Split.VALIDATION} for s in (0.1, 0.2))
    assert small < large


ROWS = st.lists(st.tuples(st.sampled_from(KEYS[:20]), st.sets(st.sampled_from("abc"))), max_size=30)


def kept(rows: list[tuple[str, set[str]]], *, tools: str, least: int) -> Mapping[int, str]:
    sides = [side_of(key, share=0.5) for key, _ in rows]
    training = [used for (_, used), side in zip(rows, sides, strict=True) if side is Split.TRAIN]
    return kept_for_tools(
        [(key_number(key, seed=0), used) for (key, used), side in zip(rows, sides, strict=True) if side != Split.TRAIN],
        training_rows=Counter(tool for used in training for tool in used),
        tools=tools,
        least=least,
    )


@given(rows=ROWS, least=st.integers(0, 3))
def test_kept_for_tools_each_tool_has_its_rows_or_all_there_are(rows: list[tuple[str, set[str]]], least: int) -> None:
    moved = kept(rows, tools="abcd", least=least)
    numbers = {key_number(key, seed=0): key for key, _ in rows}
    back = {numbers[number] for number in moved}
    train = [used for key, used in rows if key in back or side_of(key, share=0.5) is Split.TRAIN]
    for tool in "abcd":
        everywhere = sum(tool in used for _, used in rows)
        assert sum(tool in used for used in train) >= min(least, everywhere)
    assert all(side_of(key, share=0.5) is Split.VALIDATION for key in back)


@given(rows=ROWS, shuffled=st.randoms(use_true_random=False))
def test_kept_for_tools_order_of_rows_plays_no_part(rows: list[tuple[str, set[str]]], shuffled: Random) -> None:
    other = list(rows)
    shuffled.shuffle(other)
    assert kept(rows, tools="abc", least=2) == kept(other, tools="abc", least=2)
