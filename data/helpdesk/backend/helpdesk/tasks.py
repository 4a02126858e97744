"""Evaluation tasks: the oracle's own run, and the plan that is read off it.

Invariant: every task of the file was executed on the backend, in wording and on values that no log holds.
"""

from __future__ import annotations

from helpdesk.agent import Run
from helpdesk.expected import answers_of
from helpdesk.families import FAMILIES
from helpdesk.logs import task_id
from helpdesk.registry import TOOLS
from toolft_pipeline.evaluation.judge.level import BEFORE, Level
from toolft_pipeline.evaluation.judge.task import PlannedCall, Task


def task_of(run: Run) -> Task:
    """The task whose oracle made this run."""
    return Task(
        task_id=task_id(run.assignment),
        task_key=run.assignment.key,
        family=run.assignment.family,
        category=run.assignment.category,
        state_ref=run.assignment.state_ref,
        system=run.assignment.house.text,
        user_turns=run.assignment.user_turns,
        plan=_plan(run),
        expected_state=run.final_state,
        gold=run.messages,
        answers=answers_of(run),
        level=FAMILIES[run.assignment.family].level,
        split_key=_split_key(run),
    )


def _split_key(run: Run) -> str:
    """What no logged run has: the task key, two tools one after the other, the family, the tool."""
    level = FAMILIES[run.assignment.family].level
    if level is Level.NEW_COMPOSITION:
        return BEFORE.join(made.name for made in run.calls[:2])
    if level is Level.NEW_TOOL:
        return run.calls[0].name
    return run.assignment.family if level is Level.NEW_FAMILY else run.assignment.key


def _plan(run: Run) -> tuple[PlannedCall, ...]:
    """Calls of one assistant turn may come in any order; each must follow the turn before that had a success."""
    plan: list[PlannedCall] = []
    before: tuple[str, ...] = ()
    for step in sorted({made.step for made in run.calls}):
        together = [made for made in run.calls if made.step == step]
        plan += [
            PlannedCall(
                id=made.id,
                name=made.name,
                arguments=made.arguments,
                turn=made.user_turn,
                after=before,
                reads=TOOLS[made.name].reads,
                fails=made.is_error,
            )
            for made in together
        ]
        before = tuple(made.id for made in together if not made.is_error) or before
    return tuple(plan)
