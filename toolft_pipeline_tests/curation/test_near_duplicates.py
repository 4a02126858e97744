from __future__ import annotations

import random

import pytest

from toolft_pipeline.curation.near_duplicates import PERMUTATIONS, bands_for, jaccard, representatives

THRESHOLD = 0.85


def documents(count: int, *, seed: int) -> list[frozenset[str]]:
    """Random documents, every third one a copy of an earlier one with 0 to 5 of 40 shingles replaced."""
    draw = random.Random(seed)
    made: list[frozenset[str]] = []
    for number in range(count):
        words = {f"{number}-{word}" for word in range(40)}
        if made and number % 3 == 0:
            copied = sorted(draw.choice(made))
            kept = len(copied) - draw.randrange(6)
            words = set(copied[:kept]) | {f"{number}-{word}" for word in range(len(copied) - kept)}
        made.append(frozenset(words))
    return made


def brute_force(sets: list[frozenset[str]]) -> list[int | None]:
    survivors: list[int] = []
    found: list[int | None] = []
    for number, document in enumerate(sets):
        close = next((old for old in survivors if jaccard(sets[old], document) >= THRESHOLD), None)
        found.append(close)
        if close is None:
            survivors.append(number)
    return found


@pytest.mark.parametrize("seed", range(3))
def test_representatives_agree_with_brute_force_jaccard(seed: int) -> None:
    sets = documents(900, seed=seed)
    assert list(representatives(sets, threshold=THRESHOLD)) == brute_force(sets)


def test_representatives_name_a_survivor_and_never_another_duplicate() -> None:
    chain = [frozenset(str(word) for word in range(start, start + 40)) for start in range(20)]
    found = list(representatives(chain, threshold=THRESHOLD))
    assert found[0] is None
    assert found[1] == 0
    survivors = {number for number, repeated in enumerate(found) if repeated is None}
    assert {repeated for repeated in found if repeated is not None} <= survivors
    assert len(survivors) > 1


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.8, 0.85, 0.95, 1.0])
def test_bands_propose_nearly_every_pair_at_the_threshold_with_the_fewest_bands(threshold: float) -> None:
    def recall(bands: int) -> float:
        return 1 - (1 - threshold ** (PERMUTATIONS // bands)) ** bands

    bands = bands_for(threshold)
    assert recall(bands) >= 0.999
    assert bands == 1 or recall(bands - 1) < 0.999


def test_representatives_empty_documents_are_one_another() -> None:
    assert list(representatives([frozenset(), frozenset({"a"}), frozenset()], threshold=THRESHOLD)) == [None, None, 0]
