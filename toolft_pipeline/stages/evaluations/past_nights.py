"""What the gate knows of earlier nights: the evidence in their verdicts, and the best champion of the window.

Invariant: of each earlier day the report in force gives one night's evidence, so a day that is made again counts once,
and a report never reads itself or a later one. All that is read enters the fingerprint (`past_digests`).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import msgspec
from msgspec import Struct

from toolft_pipeline.evaluation.promotion.gate import PastNights
from toolft_pipeline.evaluation.promotion.model_registry import InService, served_models, withdrawn_models
from toolft_pipeline.evaluation.promotion.nights import NightEvidence
from toolft_pipeline.evaluation.promotion.verdict import VERDICT_FILE
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.warehouse.digest import digest_of
from toolft_pipeline.warehouse.manifest import ArtifactKey
from toolft_pipeline.warehouse.store import Version, Warehouse, WarehouseError, damaged_files

REPORT = "eval_report"


class _Recorded(Struct, frozen=True, kw_only=True):
    """The part of an earlier verdict that later nights use; a verdict of an earlier release has none of it."""

    nights: tuple[NightEvidence, ...] = ()
    shown_better: bool = True


def past_nights(warehouse: Warehouse, settings: AgentSettings, *, day: str) -> PastNights:
    """The evidence of the nights before `day` that may still count, and the withdrawn models."""
    return PastNights(
        nights=tuple(_evidence(warehouse, settings, day=day)),
        withdrawn=tuple(sorted(withdrawn_models(warehouse, settings.name))),
    )


def best_champion(
    warehouse: Warehouse, settings: AgentSettings, *, serving: InService, candidate: str
) -> InService | None:
    """The last model that came into service because it was shown to be better; None if that is the one in service.

    Only with `gate.margin` can it be another one, and its weights may be gone (`has_weights`). `candidate` is the
    content digest of tonight's candidate, which a second run after its promotion finds in service.
    """
    if settings.gate.margin == 0:
        return None
    served = [model for model in served_models(warehouse, settings.name) if model.content_digest != candidate]
    for model in reversed(served):
        verdict = _verdict_on(warehouse, settings.name, model)
        if verdict is None or verdict.shown_better or model is served[0]:
            return None if model.content_digest == serving.content_digest else model
    return None


def has_weights(model: InService) -> bool:
    """Whether retention has left a model its weights."""
    return (model.folder / "model").is_dir()


def past_digests(
    warehouse: Warehouse, settings: AgentSettings, *, day: str, serving: InService | None, candidate: str
) -> dict[str, str]:
    """Digests of all this for the report's fingerprint; nothing where there are no earlier nights."""
    past = past_nights(warehouse, settings, day=day)
    found: dict[str, str] = {}
    if past.nights:
        read = [msgspec.to_builtins(past.nights), sorted(past.withdrawn)]
        found["past_nights"] = digest_of(read)
    if serving is not None:
        best = best_champion(warehouse, settings, serving=serving, candidate=candidate)
        if best is not None:
            found["best_champion"] = best.content_digest if has_weights(best) else "reclaimed"
    return found


def _evidence(warehouse: Warehouse, settings: AgentSettings, *, day: str) -> Iterator[NightEvidence]:
    today = date.fromisoformat(day)
    for back in range(settings.gate.evidence_nights - 1, 0, -1):
        earlier = (today - timedelta(days=back)).isoformat()
        report = warehouse.current(ArtifactKey(agent=settings.name, asset=REPORT, partition=earlier))
        if report is not None:
            yield from (night for night in _recorded(report).nights if night.day == earlier)


def _verdict_on(warehouse: Warehouse, agent: str, model: InService) -> _Recorded | None:
    """The verdict that promoted a model, if the report in force of its day is still about this model."""
    report = warehouse.current(ArtifactKey(agent=agent, asset=REPORT, partition=model.day))
    if report is None or report.manifest.inputs.get(f"merged_model/{model.day}") != model.content_digest:
        return None
    return _recorded(report)


def _recorded(report: Version) -> _Recorded:
    if VERDICT_FILE in damaged_files(report):
        return _Recorded()
    try:
        return read_recorded(report.file(VERDICT_FILE))
    except (msgspec.DecodeError, WarehouseError, OSError):
        return _Recorded()


def read_recorded(file: Path) -> _Recorded:
    """Read the part of a verdict that later nights use."""
    return msgspec.json.decode(file.read_bytes(), type=_Recorded)
