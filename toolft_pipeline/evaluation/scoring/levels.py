"""Task success by level, and the headline: the levels that need no catalog in the prompt, every tool weighing the same.

Invariant: tasks with one split key are variants of one thing that is new (a composition, a family, a tool), so they are
one cluster: forty tasks of four families do not count as forty independent ones.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from toolft_pipeline.evaluation.judge.task import Task
from toolft_pipeline.evaluation.scoring.confusion import NO_CALL
from toolft_pipeline.evaluation.scoring.intervals import Rate, clustered_wilson, design_effect, weighted_wilson

Outcome = tuple[str, bool]
"""A task's id, and whether the rollout passed."""

FEW_TASKS = 3
"""A tool with fewer tasks is named in the report: one or two tasks say nothing about it."""


def cluster_of(task: Task) -> str:
    """Tasks of one cluster are not independent."""
    return task.task_id if task.split_key is None else f"{task.level}: {task.split_key}"


def success(outcomes: Iterable[Outcome], tasks: Mapping[str, Task]) -> Rate:
    """The share of tasks passed, its interval clustered by split key."""
    return clustered_wilson(_clusters(outcomes, tasks))


def headline(outcomes: Sequence[Outcome], tasks: Mapping[str, Task]) -> Rate | None:
    """The mean over tools of the success of the tasks whose plan calls the tool; None without levels or outcomes.

    Tasks whose plan calls nothing are one tool more: not calling is one of the agent's abilities. So each task weighs
    (1/T) * sum over its tools of 1/(tasks of the tool), T tools in all. The interval is Wilson's, with the number of
    tasks divided by Kish's design effects of the weights and of the clusters (Kish 1965, 1987: their product).
    """
    counted = [(name, passed) for name, passed in outcomes if tasks[name].level is not None and tasks[name].is_headline]
    if not counted:
        return None
    weights = _weights([tasks[name] for name, _ in counted])
    effect = design_effect(list(_clusters(counted, tasks).values()))
    return weighted_wilson([(passed, weights[name]) for name, passed in counted], design_effect=effect)


def tools_with_few_tasks(tools: Iterable[str], tasks: Iterable[Task]) -> dict[str, int]:
    """The tools that fewer than `FEW_TASKS` plans call, each with their number, by name."""
    counts = dict.fromkeys(sorted(tools), 0)
    for task in tasks:
        for tool in task.tools:
            if tool in counts:
                counts[tool] += 1
    return {tool: n for tool, n in counts.items() if n < FEW_TASKS}


def _weights(tasks: Sequence[Task]) -> dict[str, float]:
    """The weight of each task; they add up to 1."""
    by_tool: dict[str, list[str]] = defaultdict(list)
    for task in tasks:
        for tool in task.tools or (NO_CALL,):
            by_tool[tool].append(task.task_id)
    weights = dict.fromkeys((task.task_id for task in tasks), 0.0)
    for members in by_tool.values():
        for name in members:
            weights[name] += 1 / len(members) / len(by_tool)
    return weights


def _clusters(outcomes: Iterable[Outcome], tasks: Mapping[str, Task]) -> dict[str, list[bool]]:
    clusters: dict[str, list[bool]] = defaultdict(list)
    for name, passed in outcomes:
        clusters[cluster_of(tasks[name])].append(passed)
    return clusters
