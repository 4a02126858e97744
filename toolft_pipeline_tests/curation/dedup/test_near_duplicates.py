from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolft_pipeline.curation.dedup import near_duplicates as module
from toolft_pipeline.curation.dedup.jaccard import gather
from toolft_pipeline.curation.dedup.minhash import signatures
from toolft_pipeline.curation.dedup.near_duplicates import SURVIVES, Documents, find_survivors
from toolft_pipeline.curation.dedup.shingles import Sets, offsets_of, shingle_sets
from toolft_pipeline.curation.run_signatures import set_digests
from toolft_pipeline_tests.curation import plain_sets

THRESHOLD = 0.85


def found(texts: Sequence[str], *, threshold: float = THRESHOLD) -> list[int | None]:
    sets = shingle_sets(texts)

    def some(numbers: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Sets:
        values, sizes = gather(sets, numbers)
        return Sets(values=values, offsets=offsets_of(sizes))

    documents = Documents(signatures=signatures(sets), digests=set_digests(sets), sets=some)
    numbers = find_survivors(documents, threshold=threshold).tolist()
    return [None if number == SURVIVES else number for number in numbers]


def brute_force(texts: Sequence[str], *, threshold: float = THRESHOLD) -> list[int | None]:
    """In plain sets, one after the other: the first survivor that a document is like."""
    sets = [plain_sets.shingles(text) for text in texts]
    survivors: list[int] = []
    repeats: list[int | None] = []
    for number, document in enumerate(sets):
        alike = (old for old in survivors if plain_sets.similarity(sets[old], document) >= threshold)
        repeats.append(next(alike, None))
        if repeats[-1] is None:
            survivors.append(number)
    return repeats


def copied(count: int, *, seed: int, edits: int = 6, words: int = 40) -> list[str]:
    """Random texts, every third a copy of an earlier one with some words at its end replaced."""
    draw = random.Random(seed)
    made: list[list[str]] = []
    for number in range(count):
        text = [f"{number}w{word}" for word in range(words)]
        if made and number % 3 == 0:
            kept = words - draw.randrange(edits)
            text = draw.choice(made)[:kept] + text[kept:]
        made.append(text)
    return [" ".join(text) for text in made]


@pytest.mark.parametrize("seed", range(3))
def test_representatives_agree_with_brute_force_over_plain_sets(seed: int) -> None:
    texts = copied(900, seed=seed)
    assert found(texts) == brute_force(texts)


EDITED = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4), st.integers(0, 2)), max_size=60).map(
    lambda edits: [
        " ".join(f"{family}x{word}" if word >= cut else f"{family}y{variant}" for word in range(30))
        for family, cut, variant in edits
    ]
)


@given(texts=EDITED, leaf=st.sampled_from([1, 2, 8, 128]), pairs=st.sampled_from([1, 7, 1 << 21]))
def test_survivors_agree_with_brute_force_in_any_portions(texts: list[str], leaf: int, pairs: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_LEAF", leaf)
        patch.setattr(module, "_PAIRS", pairs)
        assert found(texts, threshold=0.7) == brute_force(texts, threshold=0.7)


@given(texts=st.lists(st.text(alphabet="ab \0é\N{GRINNING FACE}", max_size=30), max_size=30))
def test_survivors_of_hostile_texts_are_near_duplicates(texts: list[str]) -> None:
    repeats = found(texts)
    sets = [plain_sets.shingles(text) for text in texts]
    survivors = [number for number, repeated in enumerate(repeats) if repeated is None]
    for number, repeated in enumerate(repeats):
        if repeated is not None:
            assert repeated < number
            assert repeated in survivors
            assert plain_sets.similarity(sets[repeated], sets[number]) >= THRESHOLD
    for place, one in enumerate(survivors):
        for other in survivors[:place]:
            assert plain_sets.similarity(sets[one], sets[other]) < THRESHOLD


@pytest.mark.parametrize("leaf", [1, 128])
def test_survivors_of_a_chain_are_no_duplicates(leaf: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LEAF", leaf)
    chain = [" ".join(f"w{word}" for word in range(start, start + 40)) for start in range(20)]
    repeats = found(chain)
    assert repeats == brute_force(chain)
    survivors = {number for number, repeated in enumerate(repeats) if repeated is None}
    assert {repeated for repeated in repeats if repeated is not None} <= survivors
    assert len(survivors) > 1


def test_survivors_name_the_first_of_two_in_any_portions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_LEAF", 1)
    monkeypatch.setattr(module, "_PAIRS", 1)
    words = [[f"{chain}w{word}" for word in range(46)] for chain in range(40)]
    texts = [" ".join(chain[start : start + 40]) for start in (0, 6, 3) for chain in words]
    repeats = found(texts)  # the third of each chain is near both others, which are far from each other
    assert repeats == brute_force(texts) == [None] * 80 + list(range(40))


def test_representatives_empty_texts_are_one_another() -> None:
    assert found(["", "a", "?!"]) == [None, None, 0]
    assert found([]) == []


@pytest.mark.parametrize("threshold", [0.3, 0.85, 1.0])
def test_survivors_of_equal_texts_are_the_first(threshold: float) -> None:
    assert found(["a b c d", "x", "A b, c d", "x!", "a b c d"], threshold=threshold) == [None, None, 0, 1, 0]


@pytest.mark.parametrize("variants", [1, 20_000])
def test_survivors_of_a_huge_cluster_compare_once_each(variants: int, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0
    close = module._Pairs.close

    def counting(self: module._Pairs, one: np.ndarray, other: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
        nonlocal asked
        asked += len(one)
        return close(self, one, other)

    monkeypatch.setattr(module._Pairs, "close", counting)
    same = " ".join(f"w{word}" for word in range(100))
    texts = [f"{same} n{number % variants}" for number in range(20_000)]
    repeats = found(texts)
    assert repeats[0] is None
    assert set(repeats[1:]) == {0}
    assert asked < 10 * 20_000
