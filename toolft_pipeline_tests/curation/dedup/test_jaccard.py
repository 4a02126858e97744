from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from toolft_pipeline.curation.dedup import jaccard as module
from toolft_pipeline.curation.dedup.jaccard import jaccard
from toolft_pipeline.curation.dedup.shingles import Sets, offsets_of

SETS = st.lists(st.sets(st.integers(0, 40)), min_size=1)


def arrays(made: list[set[int]]) -> Sets:
    """Sets of small numbers as sets of hashes."""
    spread = [sorted(number * 0x9E3779B97F4A7C15 % 2**64 for number in each) for each in made]
    values = np.array([value for each in spread for value in each], np.uint64)
    return Sets(values=values, offsets=offsets_of(np.array([len(each) for each in made], np.int64)))


@given(made=SETS, draw=st.data())
def test_jaccard_is_what_counting_members_gives(made: list[set[int]], draw: st.DataObject) -> None:
    number = st.integers(0, len(made) - 1)
    pairs = draw.draw(st.lists(st.tuples(number, number), max_size=30))
    one, other = np.array(pairs, np.int64).reshape(-1, 2).T
    expected = [len(made[a] & made[b]) / len(made[a] | made[b]) if made[a] | made[b] else 1.0 for a, b in pairs]
    assert jaccard(arrays(made), one, other).tolist() == expected


def test_jaccard_splits_too_many_members_into_passes() -> None:
    size = module._MEMBERS // 3
    sets = arrays([set(range(size)), set(range(size // 2, size + size // 2)), {1, 2}])
    numbers = np.array([0, 0, 1, 2] * 2000)[: 4 + module._PAIR_BITS]
    others = np.roll(numbers, 1)
    found = jaccard(sets, numbers, others)
    half = (size - size // 2) / (size + size // 2)
    known = {(0, 0): 1.0, (0, 1): half, (1, 0): half, (0, 2): 2 / size, (2, 0): 2 / size, (1, 2): 0.0, (2, 1): 0.0}
    assert found.tolist() == [known[pair] for pair in zip(numbers.tolist(), others.tolist(), strict=True)]


def test_jaccard_splits_too_many_pairs_into_passes() -> None:
    sets = arrays([set(range(10)), set(range(5, 15)), set()])
    pairs = 3 * (1 << module._PAIR_BITS) + 7
    numbers = np.arange(pairs) % 3
    found = jaccard(sets, numbers, np.roll(numbers, 1))
    known = {0: 0.0, 1: 5 / 15, 2: 0.0}
    assert found[1:].tolist() == [known[number] for number in numbers[1:].tolist()]
