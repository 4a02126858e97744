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
    """Sample up to `max_tasks` tasks evenly over levels and categories, within each over families; sorted by id."""
    ordered = sorted(tasks, key=lambda task: hashlib.sha256(task.task_id.encode()).digest())
    of_family: Counter[tuple[str, str, str]] = Counter()
    by_category: dict[tuple[str, str], list[tuple[int, Task]]] = defaultdict(list)
    for task in ordered:
        category = (task.level or "", task.category)
        by_category[category].append((of_family[*category, task.family], task))
        of_family[*category, task.family] += 1
    ranked = [
        (rank, category, task)
        for category, members in by_category.items()
        for rank, (_, task) in enumerate(sorted(members, key=lambda member: member[0]))
    ]
    ranked.sort(key=lambda entry: entry[:2])
    return sorted((task for _, _, task in ranked[:max_tasks]), key=lambda task: task.task_id)


def asked_tasks(tasks: Sequence[Task], max_tasks: int | None, *, new_tool_tasks: int | None) -> list[Task]:
    """The tasks that a model is asked: a sample of those that count for its figures, then one of level `new_tool`."""
    counted = sample_tasks([task for task in tasks if task.is_headline], max_tasks)
    return [*counted, *sample_tasks([task for task in tasks if not task.is_headline], new_tool_tasks)]
