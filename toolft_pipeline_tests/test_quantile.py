"""Quantiles by nearest rank, against known values and against numpy's."""

from __future__ import annotations

import random

import numpy as np
import pytest

from toolft_pipeline.quantile import quantile


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        (range(1, 101), 0.5, 50),
        (range(1, 101), 0.95, 95),
        (range(1, 101), 0.07, 7),  # 0.07 * 100 is 7.000000000000001
        (range(1, 101), 0.0, 1),
        (range(1, 101), 1.0, 100),
        ([100, 200], 0.5, 100),
        ([3, 1, 2], 0.5, 2),
        ([7], 0.95, 7),
        ([], 0.5, None),
    ],
)
def test_quantile_of_known_values(values: list[float], share: float, expected: float | None) -> None:
    assert quantile(values, share) == expected


def test_quantile_equals_numpys_inverted_cdf() -> None:
    draw = random.Random(1)
    for _ in range(500):
        values = [draw.randrange(50) for _ in range(draw.randrange(1, 40))]
        share = draw.choice([0.05, 0.25, 0.5, 0.75, 0.9, 0.95])
        assert quantile(values, share) == np.quantile(values, share, method="inverted_cdf")
