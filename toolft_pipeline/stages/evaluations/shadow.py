"""The shadow gate's part of eval_report: the newest day's runs, done again by the candidate and the model in service.

Invariant: with `gate.shadow.runs: 0` nothing of a day's runs is read and nothing enters a fingerprint. A day without
runs gives no result, which the gate refuses: no evidence is not good evidence.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from toolft_pipeline.evaluation.promotion.shadow import ShadowTasks, shadow_tasks, trained_on
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.evaluations.evaluations import ComparedModel, reuse_or_evaluate
from toolft_pipeline.stages.spec.stage import Work
from toolft_pipeline.verification.day import ACCEPTED_FILE
from toolft_pipeline.warehouse.digest import digest_of
from toolft_pipeline.warehouse.manifest import Address
from toolft_pipeline.warehouse.store import Version, Warehouse

SHADOW = "shadow"
_RUNS, _SELECTION = "verified_trajectories", "training_set"


@dataclass(frozen=True, kw_only=True)
class ShadowResults:
    """The tasks that were drawn, and an evaluation for each contender, by its name; none where there are no tasks."""

    sample: ShadowTasks
    results: dict[str, Version]


def shadow_sources(settings: AgentSettings, day: str | None, warehouse: Warehouse) -> dict[str, str]:
    """Digests of what the shadow reads, for the report's fingerprint."""
    if not settings.gate.shadow.runs:
        return {}
    found = {asset: _current(warehouse, settings, asset, day) for asset in (_RUNS, _SELECTION)}
    return {
        f"{SHADOW}/{asset}": version.manifest.content_digest for asset, version in found.items() if version is not None
    } | _forms_digest(settings.verification.error_forms)


def shadow_results(work: Work, compared_models: Iterable[ComparedModel]) -> ShadowResults | None:
    """Draw the newest day's runs and ask every contender; None where no shadow gate is wanted."""
    settings = work.settings
    if not settings.gate.shadow.runs or settings.sandbox is None:
        return None
    runs = _current(work.warehouse, settings, _RUNS, work.day)
    selection = _current(work.warehouse, settings, _SELECTION, work.day)
    if runs is None:
        work.progress(f"shadow: no verified runs of {work.day}")
        return ShadowResults(sample=ShadowTasks(tasks=(), trained_on=0, left_out=0), results={})
    forms = settings.verification.error_forms
    sample = shadow_tasks(
        accepted=runs.file(ACCEPTED_FILE),
        trained_on=frozenset() if selection is None else trained_on(selection.folder),
        runs=settings.gate.shadow.runs,
        sandbox=settings.sandbox,
        cwd=settings.folder,
        error_forms=forms,
    )
    work.progress(
        f"shadow: {len(sample.tasks)} runs of {work.day}, {sample.trained_on} of them trained on, "
        f"{sample.left_out} left out because they do not replay"
    )
    tasks_from = {SHADOW: runs.manifest.content_digest, **_forms_digest(forms)}
    asked = compared_models if sample.tasks else ()
    plain = settings.evaluation.model_copy(update={"probes": False})  # they were asked beside the tasks already
    without_probes = replace(work, settings=settings.model_copy(update={"evaluation": plain}))
    return ShadowResults(
        sample=sample,
        results={
            each.name: reuse_or_evaluate(
                without_probes, each, sample.tasks, tasks_from=tasks_from, asset="shadow_evaluation"
            )
            for each in asked
        },
    )


def _forms_digest(forms: Sequence[str]) -> dict[str, str]:
    """What the tasks' categories go by beside the runs."""
    return {"error_forms": digest_of([*forms])} if forms else {}


def _current(warehouse: Warehouse, settings: AgentSettings, asset: str, day: str | None) -> Version | None:
    return warehouse.current(Address(agent=settings.name, asset=asset, partition=day))
