"""Sample evaluation tasks when there is no time for all of them.

Invariant: the sample depends on the tasks alone, not on their order in the file, and a larger sample of the same tasks
contains the smaller one.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence

from toolft_pipeline.evaluation.judge.task import Task


def sample_tasks(tasks: Sequence[Task], max_tasks: int | None) -> list[Task]:
    """Sample up to `max_tasks` tasks evenly over categories and, within each, over families; sorted by id."""
    ordered = sorted(tasks, key=lambda task: hashlib.sha256(task.task_id.encode()).digest())
    of_family: Counter[tuple[str, str]] = Counter()
    by_category: dict[str, list[tuple[int, Task]]] = defaultdict(list)
    for task in ordered:
        by_category[task.category].append((of_family[task.category, task.family], task))
        of_family[task.category, task.family] += 1
    ranked = [
        (rank, category, task)
        for category, members in by_category.items()
        for rank, (_, task) in enumerate(sorted(members, key=lambda member: member[0]))
    ]
    ranked.sort(key=lambda entry: entry[:2])
    return sorted((task for _, _, task in ranked[:max_tasks]), key=lambda task: task.task_id)
