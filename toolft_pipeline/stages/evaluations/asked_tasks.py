"""Which tasks each model of a report is asked, and the training run nearest to each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from toolft_pipeline.evaluation.judge.task import Task
from toolft_pipeline.evaluation.models.prompting import PromptPolicy
from toolft_pipeline.evaluation.scoring.task_sampling import asked_tasks
from toolft_pipeline.evaluation.tasks.task_leaks import NearestRun, read_task_leaks
from toolft_pipeline.settings import EvaluationSettings
from toolft_pipeline.stages.evaluations.evaluations import ComparedModel
from toolft_pipeline.stages.spec.stage import BuildContext


def tasks_of_models(
    models: Iterable[ComparedModel], tasks: Sequence[Task], *, evaluation: EvaluationSettings
) -> dict[str, list[Task]]:
    """The tasks of each model: fewer for long prompts, and none of an untrained tool for a safety net, whose turns are
    compared with the candidate's own on the tasks that the gate counts.
    """
    most = {
        PromptPolicy.NONE: None,
        PromptPolicy.FEW_SHOT: evaluation.few_shot_tasks,
        PromptPolicy.FULL_CATALOG: evaluation.catalog_tasks,
    }
    asked = {
        policy: asked_tasks(tasks, limit, new_tool_tasks=evaluation.catalog_tasks) for policy, limit in most.items()
    }
    counted = [task for task in tasks if task.is_headline]
    return {model.name: asked[model.policy] if model.variant is None else counted for model in models}


def nearest_runs(context: BuildContext, tasks: Sequence[Task]) -> list[NearestRun]:
    """The training run nearest to each task, the nearest first."""
    asked = {task.task_id for task in tasks}
    found = read_task_leaks(context.input("training_set").folder).nearest
    return sorted((each for each in found if each.task_id in asked), key=lambda each: (each.distance, each.task_id))
