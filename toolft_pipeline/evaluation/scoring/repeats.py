"""Rollouts with seeds: pass@1 and pass^k of tasks that are run several times.

Invariant: an answer with a seed depends on the model, the prompt, the temperature and the number of the repeat, never
on the batch that it was decoded in. A task's repeats are judged like its greedy rollout, by the same judge.

Source of pass^k: tau-bench (Yao et al. 2024), the chance that k runs of a task all pass, estimated without bias from c
passes of n runs by C(c, k) / C(n, k), for k up to n.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from math import comb
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import Struct

from toolft_pipeline.evaluation.judge.rollout_verdict import RolloutVerdict
from toolft_pipeline.evaluation.judge.task import Task
from toolft_pipeline.evaluation.judge.transcript import Transcript
from toolft_pipeline.evaluation.scoring.intervals import Rate, clustered_wilson, design_effect, wilson_of_mean
from toolft_pipeline.evaluation.scoring.levels import cluster_of
from toolft_pipeline.evaluation.scoring.tables import ROLLOUT_SCHEMA, rollout_row

REPEATS_FILE = "repeats.parquet"
REPEATS_SCHEMA = pa.schema([("repeat", pa.int32()), *ROLLOUT_SCHEMA])


class Repeat(Struct, frozen=True, kw_only=True):
    """One judged rollout with a seed; `repeat` counts from 0."""

    repeat: int
    transcript: Transcript
    verdict: RolloutVerdict


def pass_rates(repeats: Sequence[Repeat], tasks: Mapping[str, Task]) -> dict[str, Rate]:
    """pass^k for each k up to the number of repeats, by k; pass^1 is pass@1.

    Intervals are Wilson's, clustered by split key. Between 1 and n the estimates of single tasks are no outcomes of 0
    and 1: the interval is that of a share over as many tasks, which is never narrower than theirs.
    """
    passed: dict[str, list[bool]] = defaultdict(list)
    for each in repeats:
        passed[each.transcript.task_id].append(each.verdict.passed)
    n = min(map(len, passed.values()), default=0)
    rates = {}
    for k in range(1, n + 1):
        clusters: dict[str, list[bool]] = defaultdict(list)
        for name, runs in passed.items():
            clusters[cluster_of(tasks[name])] += runs if k == 1 else [all(runs)]
        if k in (1, n):
            rates[str(k)] = clustered_wilson(clusters)
        else:
            mean = sum(estimate(sum(runs), len(runs), k) for runs in passed.values()) / len(passed)
            rates[str(k)] = wilson_of_mean(mean, len(passed) / design_effect(list(clusters.values())))
    return rates


def estimate(passed: int, n: int, k: int) -> float:
    """The chance that k runs of one task all pass, from `passed` of n runs."""
    return comb(passed, k) / comb(n, k)


def write_repeats(tasks: Sequence[Task], repeats: Sequence[Repeat], folder: Path) -> None:
    """Write `repeats.parquet`, one row a rollout, by repeat and then as the tasks are; no rows without repeats."""
    known = {task.task_id: task for task in tasks}
    rows = [
        {"repeat": each.repeat, **rollout_row(known[each.transcript.task_id], each.transcript, each.verdict)}
        for each in repeats
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=REPEATS_SCHEMA), folder / REPEATS_FILE, compression="zstd")
