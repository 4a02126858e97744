"""The training run nearest to each evaluation task, as a Markdown table for the UI."""

from __future__ import annotations

from collections.abc import Sequence

from toolft_pipeline.evaluation.tasks.task_leaks import NearestRun

SHOWN = 200


def nearest_runs_table(nearest: Sequence[NearestRun]) -> str:
    """One row a task, the nearest first; tasks beyond `SHOWN` are counted."""
    rows = sorted(nearest, key=lambda each: (each.distance, each.task_id))
    lines = [
        "| task | level | distance | wording | tools | run | day |",
        "| --- | --- | ---: | ---: | ---: | --- | --- |",
    ]
    lines += [
        f"| {each.task_id} | {each.level or ''} | {each.distance:.2f} | {each.user:.2f} | {each.tools:.2f} "
        f"| {each.trajectory_id} | {each.day} |"
        for each in rows[:SHOWN]
    ]
    if len(rows) > SHOWN:
        lines.append(f"\n{len(rows) - SHOWN} more tasks are further away")
    return "\n".join(lines)
