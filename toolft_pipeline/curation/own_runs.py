"""Runs of our own models: which of them are trained on, and whether they still vary as the incumbent's do.

Invariant: which own runs are left out depends on their ids alone, so a larger weight keeps all that a smaller one kept,
and no other run's split, weight or survival depends on an own run that is left out.

A model that is trained on its own answers drifts to fewer of them, generation by generation (Shumailov et al. 2024,
"AI models collapse when trained on recursively generated data"): verified runs slow that down, and variety shows it.
"""

from __future__ import annotations

import hashlib
from math import exp, lgamma

import numpy as np
import pyarrow as pa
from msgspec import Struct
from numpy.typing import NDArray

from toolft_pipeline.curation.run_signatures import NO_PLAN
from toolft_pipeline.curation.window import Window
from toolft_pipeline.settings import CurationSettings

OWN_RUN = "own run: left out by curation.own_run_weight {weight:g}"

MIN_PLANS = 20
"""Runs with calls that both sides need: below it, plans per run are chance."""


class OwnRuns(Struct, frozen=True, kw_only=True):
    """Our own models' runs in a window.

    `runs` are verified, `left_out` not used by setting; `trained_share` is their share of the runs trained on. Plans
    are distinct sequences of called tools, per run, of as many runs on both sides (`compared`): of more runs, each new
    one brings fewer. None where either side has too few.
    """

    runs: int
    left_out: int
    trained: int
    trained_share: float
    compared: int
    own_plans_per_run: float | None
    logged_plans_per_run: float | None


def left_out(ids: pa.Array, own: NDArray[np.bool_], *, curation: CurationSettings) -> NDArray[np.bool_]:
    """Mask of the own runs that the setting leaves out: those whose hash is in the upper part of the range."""
    mask = own.copy()
    if curation.own_run_weight < 1:
        for number in np.flatnonzero(own):
            digest = hashlib.sha256(f"own\0{curation.seed}\0{ids[int(number)].as_py()}".encode()).digest()
            mask[number] = int.from_bytes(digest[:8]) / 2.0**64 >= curation.own_run_weight
        return mask
    return np.zeros_like(own)


def own_runs(window: Window, *, trained: NDArray[np.bool_], left_out: int) -> OwnRuns:
    """The figures of a window; `trained` are the runs that are trained on."""
    calling = window.plan != NO_PLAN
    own, logged = window.plan[window.own & calling], window.plan[window.logged & calling]
    compared = min(len(own), len(logged))
    enough = compared >= MIN_PLANS
    trained_own = int(np.count_nonzero(window.own & trained))
    return OwnRuns(
        runs=int(np.count_nonzero(window.own)),
        left_out=left_out,
        trained=trained_own,
        trained_share=trained_own / max(1, int(np.count_nonzero(trained))),
        compared=compared,
        own_plans_per_run=expected_distinct(own, compared) / compared if enough else None,
        logged_plans_per_run=expected_distinct(logged, compared) / compared if enough else None,
    )


def expected_distinct(values: NDArray[np.uint64], n: int) -> float:
    """The expected number of distinct values among n of them, drawn without replacement (Hurlbert 1971)."""
    total = len(values)
    _, counts = np.unique(values, return_counts=True)
    return float(sum(1 - _missed(int(count), total, n) for count in counts))


def _missed(count: int, total: int, n: int) -> float:
    """The chance that n of `total` draws miss all of `count`: C(total - count, n) / C(total, n)."""
    rest = total - count
    if n > rest:
        return 0.0
    return exp(lgamma(rest + 1) - lgamma(rest - n + 1) - lgamma(total + 1) + lgamma(total - n + 1))
