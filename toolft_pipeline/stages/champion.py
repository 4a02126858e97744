"""champion[D]: carry out the gate's verdict: move the pointer to the model in service, or record why not."""

from __future__ import annotations

import json
from typing import cast

import msgspec

from toolft_pipeline.evaluation.promotion.gate import GateVerdict
from toolft_pipeline.evaluation.promotion.model_registry import in_service, promote
from toolft_pipeline.evaluation.promotion.verdict import VERDICT_FILE
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.presentation.text_charts import fit_inline
from toolft_pipeline.stages.spec.stage import BuildContext, Check, CheckOutcome, Group, PartitionScope, Stage
from toolft_pipeline.warehouse.store import BuildOutput, Version

CHAMPION_FILE = "champion.json"


def _build(context: BuildContext) -> BuildOutput:
    verdict = msgspec.json.decode(context.input("eval_report").file(VERDICT_FILE).read_bytes(), type=GateVerdict)
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
    return BuildOutput(
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
        description=str(headline["why"]),
    )


def champion_texts(version: Version) -> dict[str, str]:
    """The outcome for the candidate, for the top of its page."""
    headline = version.manifest.headline
    if headline["promoted"]:
        outcome = "**promoted**: now in service" if headline["moved"] else "**promoted**: already in service"
    else:
        outcome = "**refused**: the model in service stays"
    reasons = cast("list[str]", headline["reasons"])
    return {"outcome": fit_inline([outcome, *(f"- {reason}" for reason in reasons)])}


STAGE = Stage(
    asset="champion",
    description="Carries out the verdict: the pointer to the model in service moves only if the gate allows it.",
    group=Group.MODEL,
    kinds=("json",),
    code_version="3",
    inputs={"eval_report": PartitionScope.SAME, "merged_model": PartitionScope.SAME},
    moves_service=True,
    build=_build,
    checks=(
        Check(
            name="candidate_serves",
            description="The candidate of this day is in service; if it was refused, the reasons are shown.",
            blocking=False,
            evaluate=_carried_out,
        ),
    ),
    texts=champion_texts,
)
