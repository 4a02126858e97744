"""champion[D]: the gate's verdict carried out. One pointer moves, or none does and the record says why."""

from __future__ import annotations

import json

import msgspec

from toolft_pipeline.assets.eval_report import VERDICT_FILE
from toolft_pipeline.assets.service import in_service, promote
from toolft_pipeline.assets.stage import Group, Span, Stage, Work
from toolft_pipeline.evaluation.gate import Verdict
from toolft_pipeline.warehouse.store import Built

CHAMPION_FILE = "champion.json"


def _build(work: Work) -> Built:
    verdict = msgspec.json.decode(work.one("eval_report").file(VERDICT_FILE).read_bytes(), type=Verdict)
    model = work.one("merged_model")
    if verdict.promote:
        moved = promote(work.warehouse, work.settings.name, day=work.day, model=model)
        work.progress("promoted: now in service" if moved else "already in service")
    else:
        work.progress("refused: " + "; ".join(verdict.reasons))
    serving = in_service(work.warehouse, work.settings.name)
    record = {
        "candidate": model.manifest.content_digest,
        "promoted": verdict.promote,
        "reasons": list(verdict.reasons),
    }
    (work.out / CHAMPION_FILE).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return Built(
        content=(CHAMPION_FILE,),
        rows={},
        headline={
            "promoted": verdict.promote,
            "reasons": list(verdict.reasons),
            "in_service": "none" if serving is None else f"{serving.day} {serving.content_digest[:16]}",
        },
    )


STAGE = Stage(
    asset="champion",
    description="The verdict carried out: the pointer to the model in service moves only if the gate says so.",
    group=Group.MODEL,
    kinds=("json",),
    code_version="1",
    inputs={"eval_report": Span.SAME, "merged_model": Span.SAME},
    reads=lambda _settings: {},
    build=_build,
)
