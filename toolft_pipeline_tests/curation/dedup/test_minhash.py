from __future__ import annotations

import numpy as np
import pytest

from toolft_pipeline.curation.dedup.minhash import PERMUTATIONS, bands_for, min_estimate, signatures
from toolft_pipeline.curation.dedup.shingles import shingle_sets


def test_signatures_follow_from_the_set_alone() -> None:
    texts = ["one two three four", "five six", "", "one two three four!"]
    together = signatures(shingle_sets(texts))
    assert together.shape == (4, PERMUTATIONS)
    assert (together[0] == together[3]).all()
    for number, text in enumerate(texts):
        assert (signatures(shingle_sets([text]))[0] == together[number]).all()


def test_signatures_of_no_set_are_no_rows() -> None:
    assert signatures(shingle_sets([])).shape == (0, PERMUTATIONS)


@pytest.mark.parametrize("shared", [100, 200, 300, 360, 400])
def test_signatures_agree_as_often_as_sets_are_alike(shared: int) -> None:
    chance = np.random.default_rng(shared)
    differences = []
    for _ in range(50):
        words = [f"w{number}" for number in chance.integers(0, 10**9, 800 - shared + 4)]
        one, other = words[:402], words[400 - shared :]
        sets = shingle_sets([" ".join(one), " ".join(other)])
        alike = len(np.intersect1d(sets[0], sets[1])) / len(np.union1d(sets[0], sets[1]))
        made = signatures(sets)
        differences.append(np.mean(made[0] == made[1]) - alike)
    assert abs(np.mean(differences)) < 4 * 0.5 / np.sqrt(PERMUTATIONS * 50)


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.8, 0.85, 0.95, 1.0])
def test_bands_are_the_fewest_that_find_nearly_all_pairs(threshold: float) -> None:
    def recall(bands: int) -> float:
        return 1 - (1 - threshold ** (PERMUTATIONS // bands)) ** bands

    bands = bands_for(threshold)
    assert recall(bands) >= 0.999
    assert bands == 1 or recall(bands - 1) < 0.999


def test_min_estimate_lies_below_the_threshold() -> None:
    assert 0.6 < min_estimate(0.85) < 0.75
    assert min_estimate(1.0) == 1.0
