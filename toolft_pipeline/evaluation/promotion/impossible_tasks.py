"""The gate's objection to a file of tasks that the catalog or the backend has left behind.

Invariant: a few impossible tasks are named and count for no model. More than the share that the agent file allows are
no accident: what is left is not the work that the tasks were written for.
"""

from __future__ import annotations

from collections.abc import Sequence

_NAMED = 3


def impossible_task_objections(impossible: Sequence[str], *, n_tasks: int, max_share: float, agent: str) -> list[str]:
    """The objection, if more than `max_share` of the `n_tasks` tasks of the file are impossible.

    `impossible` has the name and the reason of each as one text.
    """
    if len(impossible) <= max_share * n_tasks:
        return []
    share = f"{len(impossible)} of {n_tasks} tasks ({len(impossible) / n_tasks:.1%}) cannot be done with today's "
    fix = f"renew the tasks (`toolft tasks check {agent}` lists them), or raise gate.max_impossible_share"
    examples = "; ".join(impossible[:_NAMED])
    return [f"{share}catalog and backend, more than gate.max_impossible_share {max_share:.1%}: {examples}; {fix}"]
