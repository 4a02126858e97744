"""Few failures say little about how steps of a task hang together: one failure more never makes a model look better."""

from __future__ import annotations

import pytest

from toolft_pipeline.evaluation.scoring.intervals import clustered_wilson


def steps(n_tasks: int, n_steps: int, n_failures: int) -> dict[str, list[bool]]:
    """Tasks of equally many steps, of which so many tasks have one failure."""
    return {f"t{n}": [n >= n_failures, *[True] * (n_steps - 1)] for n in range(n_tasks)}


@pytest.mark.parametrize(("n_tasks", "n_steps"), [(20, 2), (37, 3), (60, 3), (240, 4)])
def test_clustered_wilson_lower_bound_falls_with_every_failure(n_tasks: int, n_steps: int) -> None:
    lows = [clustered_wilson(steps(n_tasks, n_steps, failures)).low for failures in range(n_tasks // 2)]
    assert lows == sorted(lows, reverse=True)
    assert len(set(lows)) == len(lows)


@pytest.mark.parametrize(("n_tasks", "n_steps"), [(20, 2), (37, 3), (60, 3), (240, 4)])
def test_clustered_wilson_upper_bound_rises_with_every_success(n_tasks: int, n_steps: int) -> None:
    highs = [
        clustered_wilson({name: [not each for each in task] for name, task in steps(n_tasks, n_steps, n).items()}).high
        for n in range(n_tasks // 2)
    ]
    assert highs == sorted(highs)
