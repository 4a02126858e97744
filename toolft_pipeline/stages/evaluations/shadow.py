"""The shadow gate's part of eval_report: the newest day's runs, done again by the candidate and the model in service.

Invariant: with `gate.shadow.runs: 0` nothing of a day's runs is read and nothing enters a fingerprint. A day without
runs gives no result, which the gate refuses: no evidence is not good evidence.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from toolft_pipeline.evaluation.promotion.shadow import ShadowTasks, shadow_tasks, trained_on
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.evaluations.evaluations import SHADOW_EVALUATION, Contender, evaluated
from toolft_pipeline.stages.spec.stage import BuildContext
from toolft_pipeline.verification.day import ACCEPTED_FILE
from toolft_pipeline.warehouse.digest import digest_of
from toolft_pipeline.warehouse.store import Version

SHADOW = "shadow"


@dataclass(frozen=True, kw_only=True)
class ShadowResults:
    """The tasks that were drawn, and an evaluation for each contender, by its name; none where there are no tasks."""

    drawn: ShadowTasks
    results: dict[str, Version]


def wants_shadow(settings: AgentSettings) -> bool:
    """Whether the gate asks for the newest day's runs."""
    return settings.gate.shadow.runs > 0


def shadow_sources(settings: AgentSettings) -> dict[str, str]:
    """What the report's fingerprint says of the shadow beside its inputs."""
    return _forms_digest(settings.verification.error_forms) if wants_shadow(settings) else {}


def shadow_results(context: BuildContext, contenders: Iterable[Contender]) -> ShadowResults | None:
    """Draw the newest day's runs and ask every contender; None where no shadow gate is wanted."""
    settings = context.settings
    if not wants_shadow(settings) or settings.sandbox is None:
        return None
    runs = context.optional_input("verified_trajectories")
    selection = context.optional_input("training_set")
    if runs is None:
        context.progress(f"shadow: no verified runs of {context.day}")
        return ShadowResults(drawn=ShadowTasks(tasks=(), trained_on=0, left_out=0), results={})
    forms = settings.verification.error_forms
    drawn = shadow_tasks(
        accepted=runs.file(ACCEPTED_FILE),
        trained_on=frozenset() if selection is None else trained_on(selection.folder),
        runs=settings.gate.shadow.runs,
        sandbox=settings.sandbox,
        cwd=settings.folder,
        error_forms=forms,
    )
    context.progress(
        f"shadow: {len(drawn.tasks)} runs of {context.day}, {drawn.trained_on} of them trained on, "
        f"{drawn.left_out} left out because they do not replay"
    )
    tasks_from = {SHADOW: runs.manifest.content_digest, **_forms_digest(forms)}
    asked = contenders if drawn.tasks else ()
    plain = settings.evaluation.model_copy(update={"probes": False})  # they were asked beside the tasks already
    without_probes = replace(context, settings=settings.model_copy(update={"evaluation": plain}))
    return ShadowResults(
        drawn=drawn,
        results={
            each.name: evaluated(without_probes, each, drawn.tasks, tasks_from=tasks_from, artifact=SHADOW_EVALUATION)
            for each in asked
        },
    )


def _forms_digest(forms: Sequence[str]) -> dict[str, str]:
    """What the tasks' categories go by beside the runs."""
    return {"error_forms": digest_of([*forms])} if forms else {}
