"""The retrain policy: whether the nightly run makes a new model.

Invariant: a model is skipped only if settings, base model and evaluation are those of the last one, no day of the
window was rebuilt with other content, and there are fewer new runs than `schedule.min_new_rows`. Runs of skipped nights
are counted on. Only manifests are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages import base_model
from toolft_pipeline.stages.spec import sources
from toolft_pipeline.stages.spec.inputs import window
from toolft_pipeline.stages.spec.run_stage import recipe_for
from toolft_pipeline.stages.stages import STAGES, stages_of, with_downstream
from toolft_pipeline.warehouse.digest import digest_of
from toolft_pipeline.warehouse.manifest import ArtifactKey
from toolft_pipeline.warehouse.store import Version, Warehouse


@dataclass(frozen=True, kw_only=True)
class RetrainDecision:
    """Whether to make a model, and why."""

    retrain: bool
    reason: str


def decide_retrain(settings: AgentSettings, warehouse: Warehouse, *, day: str) -> RetrainDecision:
    """Compare the window that ends on `day` with the inputs of the last model."""
    waiting = _days_with_old_base(settings, warehouse, window(settings, day))
    if waiting:
        how = f"{settings.name}_automation makes them, or `toolft run {settings.name} --data`"
        return RetrainDecision(
            retrain=False,
            reason=f"the base model changed, and {len(waiting)} days of the window wait for new tokens: {how}",
        )
    last = _last_adapter(settings, warehouse, day)
    if last is None:
        return _by_new_rows(_rows(settings, warehouse, window(settings, day)), settings, since="the first log")
    as_of = last.manifest.address.partition or ""
    difference = next(_differences(settings, warehouse, as_of), None)
    if difference is not None:
        return RetrainDecision(retrain=True, reason=f"{difference} since the model of {as_of}")
    before, new, rebuilt = last.manifest.inputs, [], []
    for each in window(settings, day):
        tensors = _version(settings, warehouse, "token_tensors", each)
        known = before.get(f"token_tensors/{each}")
        if tensors is not None and known is None:
            new.append(each)
        elif tensors is not None and known != tensors.manifest.content_digest:
            rebuilt.append(each)
    if rebuilt:
        return RetrainDecision(
            retrain=True, reason=f"{len(rebuilt)} days of the window have other content since the model of {as_of}"
        )
    return _by_new_rows(_rows(settings, warehouse, new), settings, since=f"the model of {as_of}")


def base_model_changed(settings: AgentSettings, warehouse: Warehouse) -> bool:
    """Whether the settings name another base model than the version in force."""
    stage = next(stage for stage in STAGES if stage.asset == base_model.STAGE.asset)
    current = _version(settings, warehouse, stage.asset, None)
    if current is None:
        return False
    return current.manifest.fingerprint != recipe_for(stage, settings, None, {}, warehouse).fingerprint


def _days_with_old_base(settings: AgentSettings, warehouse: Warehouse, days: list[str]) -> list[str]:
    """Days whose tokens were made with another base model than the one in force."""
    base = _version(settings, warehouse, "base_model", None)
    tensors = {each: _version(settings, warehouse, "token_tensors", each) for each in days}
    read = {
        each: version.manifest.inputs.get("base_model/all") for each, version in tensors.items() if version is not None
    }
    return [
        each for each, digest in read.items() if base is not None and digest not in {None, base.manifest.content_digest}
    ]


def _last_adapter(settings: AgentSettings, warehouse: Warehouse, day: str) -> Version | None:
    days = [each for each in warehouse.partitions(settings.name, "qlora_adapter") if each <= day]
    return _version(settings, warehouse, "qlora_adapter", days[-1]) if days else None


def _differences(settings: AgentSettings, warehouse: Warehouse, as_of: str) -> Iterator[str]:
    """What else has changed since the model as of `as_of`, besides its days of data."""
    base = _version(settings, warehouse, "base_model", None)
    first = next(stage.asset for stage in STAGES if stage.begins_model)
    for stage in with_downstream(first, stages_of(settings)):
        made = _version(settings, warehouse, stage.asset, as_of)
        if made is None:
            yield f"no {stage.asset} was made"
            continue
        manifest = made.manifest
        read = digest_of(stage.fingerprint_settings(settings))
        if manifest.code_version != stage.code_version or digest_of(manifest.settings) != read:
            yield f"the settings or the code of {stage.asset} changed"
        if base is not None and manifest.inputs.get("base_model/all", "") not in ("", base.manifest.content_digest):
            yield "the base model changed"
        judged_by = sources.agent_file(settings, settings.evaluation.tasks) | sources.sandbox(settings)
        for name, digest in judged_by.items():
            if manifest.inputs.get(f"file:{name}", digest) != digest:
                yield f"{name} changed"


def _by_new_rows(rows: int, settings: AgentSettings, *, since: str) -> RetrainDecision:
    wanted = settings.schedule.min_new_rows
    message = f"{rows or 'no'} new accepted runs since {since}"
    return RetrainDecision(
        retrain=rows >= wanted, reason=message if rows >= wanted else f"{message}; schedule.min_new_rows is {wanted}"
    )


def _rows(settings: AgentSettings, warehouse: Warehouse, days: list[str]) -> int:
    versions = [_version(settings, warehouse, "verified_trajectories", day) for day in days]
    return sum(version.manifest.rows["accepted"] for version in versions if version is not None)


def _version(settings: AgentSettings, warehouse: Warehouse, asset: str, day: str | None) -> Version | None:
    return warehouse.current(ArtifactKey(agent=settings.name, asset=asset, partition=day))
