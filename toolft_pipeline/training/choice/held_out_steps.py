"""Steps of the validation rows: prompts as a server sends them, each with the logged turn that follows.

Invariant: the steps depend on the validation rows and the seed alone. They come from logged runs, never from tasks, so
that the evaluation of the published model stays untouched by the choice.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from itertools import groupby

import pyarrow as pa
from msgspec import Struct

HELD_OUT_STEPS = 64
"""Steps at most: the standard error of a share is then 6 points at the most, and three measurements of Gemma 3 270M
take about as long as a tenth of an epoch on the demo's rows."""

BATCH = 8
"""Steps decoded side by side."""

NO_LOSS = -100


class HeldOutStep(Struct, frozen=True):
    """Ids of the prompt and of the logged turn, end of turn included."""

    prompt: list[int]
    turn: list[int]


def draw_steps(validation: pa.Table, *, seed: int, count: int = HELD_OUT_STEPS) -> list[HeldOutStep]:
    """At most `count` steps of rows with `input_ids` and `labels`, drawn by the hash of the step and the seed."""
    steps = [step for row in validation.to_pylist() for step in _steps(row["input_ids"], row["labels"])]
    distinct = {_rank(step, seed): step for step in steps}
    return [distinct[rank] for rank in sorted(distinct)[:count]]


def _steps(ids: list[int], labels: list[int]) -> Iterator[HeldOutStep]:
    start = 0
    for trained, run in groupby(labels, key=lambda label: label != NO_LOSS):
        end = start + sum(1 for _ in run)
        if trained and start:
            yield HeldOutStep(prompt=ids[:start], turn=ids[start:end])
        start = end


def _rank(step: HeldOutStep, seed: int) -> str:
    return sha256(f"{seed} {step.prompt} {step.turn}".encode()).hexdigest()
