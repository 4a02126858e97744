"""champion[D]: the gate's verdict carried out. One pointer moves, or none does and the record says why."""

from __future__ import annotations

import json
from typing import cast

import msgspec

from toolft_pipeline.evaluation.promotion.gate import Verdict
from toolft_pipeline.evaluation.promotion.model_registry import in_service, promote
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.eval_report import VERDICT_FILE
from toolft_pipeline.stages.presentation.text_charts import fit_inline
from toolft_pipeline.stages.spec.stage import BuildContext, Check, CheckOutcome, Group, PartitionScope, Stage
from toolft_pipeline.warehouse.store import Built, Version

CHAMPION_FILE = "champion.json"


def _build(context: BuildContext) -> Built:
    verdict = msgspec.json.decode(context.input("eval_report").file(VERDICT_FILE).read_bytes(), type=Verdict)
    model = context.input("merged_model")
    objections = () if verdict.promote else verdict.reasons
    moved = False
    if verdict.promote:
        promotion = promote(
            context.warehouse, context.settings.name, day=context.day, model=model, against=verdict.against
        )
        moved = promotion.moved
        objections = () if promotion.objection is None else (promotion.objection,)
    if objections:
        context.progress("refused: " + "; ".join(objections))
    else:
        context.progress("promoted: now in service" if moved else "already in service")
    reasons = objections or verdict.reasons
    record = {
        "candidate": model.manifest.content_digest,
        "promoted": not objections,
        "reasons": list(reasons),
    }
    (context.out / CHAMPION_FILE).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    serving = in_service(context.warehouse, context.settings.name)
    return Built(
        content=(CHAMPION_FILE,),
        rows={},
        headline={
            "promoted": not objections,
            "moved": moved,
            "why": "; ".join(reasons),
            "reasons": list(reasons),
            "in_service": "none" if serving is None else str(serving),
        },
    )


def _carried_out(version: Version, _settings: AgentSettings) -> CheckOutcome:
    headline = version.manifest.headline
    return CheckOutcome(
        passed=bool(headline["promoted"]),
        detail={"in_service": headline["in_service"]},
        said=str(headline["why"]),
    )


def champion_texts(version: Version) -> dict[str, str]:
    """What became of the candidate, for the top of its page."""
    headline = version.manifest.headline
    if headline["promoted"]:
        outcome = "**promoted**: now in service" if headline["moved"] else "**promoted**: it was in service already"
    else:
        outcome = "**refused**: the model in service stays"
    reasons = cast("list[str]", headline["reasons"])
    return {"outcome": fit_inline([outcome, *(f"- {reason}" for reason in reasons)])}


STAGE = Stage(
    asset="champion",
    description="The verdict carried out: the pointer to the model in service moves only if the gate says so.",
    group=Group.MODEL,
    kinds=("json",),
    code_version="3",
    inputs={"eval_report": PartitionScope.SAME, "merged_model": PartitionScope.SAME},
    moves_service=True,
    build=_build,
    checks=(
        Check(
            name="candidate_serves",
            description="The candidate of this day is in service; where it was refused, the reasons stand beside.",
            blocking=False,
            evaluate=_carried_out,
        ),
    ),
    texts=champion_texts,
)
