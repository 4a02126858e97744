"""What the gate reads of earlier days' verdicts, and that it enters the report's fingerprint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from toolft_pipeline.evaluation.promotion.model_registry import champion_to_beat, promote
from toolft_pipeline.evaluation.promotion.nights import NightEvidence
from toolft_pipeline.evaluation.promotion.paired import Basis
from toolft_pipeline.evaluation.promotion.rollback import roll_back
from toolft_pipeline.evaluation.promotion.verdict import GateVerdict
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.eval_report import STAGE
from toolft_pipeline.stages.evaluations.past_nights import best_champion, past_digests, past_nights
from toolft_pipeline.stages.evaluations.shadow import most_runs, wants_shadow
from toolft_pipeline.stages.spec.stage import SourceContext
from toolft_pipeline.warehouse.store import Version, Warehouse
from toolft_pipeline_tests.agents import agent
from toolft_pipeline_tests.evaluation.model_versions import AGENT, commit, model

TODAY = "2026-10-05"


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path / "warehouse")


def desk(tmp_path: Path, **sections: Any) -> AgentSettings:
    return agent(tmp_path, name=AGENT, **sections)


def evidence(day: str, wins: int = 5) -> NightEvidence:
    return NightEvidence(
        day=day, candidate=f"m {day}", against="c", recipe="r", basis=Basis.ROLLOUTS, differences=((1.0, wins),)
    )


def report(
    warehouse: Warehouse,
    day: str,
    *nights: NightEvidence,
    of: Version | None = None,
    shown_better: bool = True,
    text: str | None = None,
) -> Version:
    verdict = GateVerdict(
        promote=True, reasons=(), n_tasks=9, smallest_visible_difference=0.5, nights=nights, shown_better=shown_better
    )
    read = {} if of is None else {f"merged_model/{day}": of.manifest.content_digest}
    made = text or msgspec.json.encode(verdict).decode()
    return commit(warehouse, "eval_report", day, f"report {day} {made}", inputs=read, files={"verdict.json": made})


def test_each_earlier_day_gives_its_own_night_once(tmp_path: Path, warehouse: Warehouse) -> None:
    first, second = evidence("2026-10-03"), evidence("2026-10-04")
    report(warehouse, "2026-10-03", first)
    report(warehouse, "2026-10-04", first, second)
    assert past_nights(warehouse, desk(tmp_path), day=TODAY).nights == (first, second)


def test_day_that_is_made_again_replaces_its_night(tmp_path: Path, warehouse: Warehouse) -> None:
    report(warehouse, "2026-10-04", evidence("2026-10-04", wins=50))
    report(warehouse, "2026-10-04", evidence("2026-10-04", wins=1))
    assert past_nights(warehouse, desk(tmp_path), day=TODAY).nights == (evidence("2026-10-04", wins=1),)


def test_own_and_later_days_are_not_read(tmp_path: Path, warehouse: Warehouse) -> None:
    """So a second run of a night has the same fingerprint and the same verdict as the first."""
    report(warehouse, "2026-10-04", evidence("2026-10-04"))
    before = past_digests(warehouse, desk(tmp_path), day=TODAY, serving=None, candidate="x")
    report(warehouse, TODAY, evidence(TODAY))
    report(warehouse, "2026-10-06", evidence("2026-10-06"))
    assert past_digests(warehouse, desk(tmp_path), day=TODAY, serving=None, candidate="x") == before
    assert before.keys() == {"past_nights"}


def test_nights_outside_the_window_are_not_read(tmp_path: Path, warehouse: Warehouse) -> None:
    report(warehouse, "2026-10-03", evidence("2026-10-03"))
    report(warehouse, "2026-10-04", evidence("2026-10-04"))
    short = desk(tmp_path, gate={"evidence_nights": 2})
    assert past_nights(warehouse, short, day=TODAY).nights == (evidence("2026-10-04"),)


@pytest.mark.parametrize("text", ["{}", '{"promote": true, "reasons": []}', "not json"])
def test_verdict_of_an_earlier_release_has_no_evidence(tmp_path: Path, warehouse: Warehouse, text: str) -> None:
    report(warehouse, "2026-10-04", text=text)
    assert past_nights(warehouse, desk(tmp_path), day=TODAY).nights == ()


def test_evidence_enters_the_reports_fingerprint(tmp_path: Path, warehouse: Warehouse) -> None:
    scope = SourceContext(settings=STAGE.slice(desk(tmp_path)), partition=TODAY, warehouse=warehouse)
    found = [STAGE.sources(scope).get("past_nights")]
    for wins in (1, 2):
        report(warehouse, "2026-10-04", evidence("2026-10-04", wins=wins))
        found.append(STAGE.sources(scope).get("past_nights"))
    assert found[0] is None
    assert len(set(found)) == 3


def serve(warehouse: Warehouse, day: str, *, shown_better: bool = True) -> Version:
    """Promote a model of this day, and keep the verdict that did."""
    made = model(warehouse, day, f"model {day}")
    report(warehouse, day, of=made, shown_better=shown_better)
    serving = champion_to_beat(warehouse, AGENT, candidate=made.manifest.content_digest)
    against = None if serving is None else serving.content_digest
    assert promote(warehouse, AGENT, day=day, model=made, against=against).moved
    return made


def best_of(tmp_path: Path, warehouse: Warehouse, *, margin: float) -> str | None:
    serving = champion_to_beat(warehouse, AGENT, candidate="tonight's")
    assert serving is not None
    settings = desk(tmp_path, gate={"margin": margin})
    best = best_champion(warehouse, settings, serving=serving, candidate="tonight's")
    return None if best is None else best.day


def test_best_champion_is_the_last_that_was_shown_to_be_better(tmp_path: Path, warehouse: Warehouse) -> None:
    serve(warehouse, "2026-10-01")
    serve(warehouse, "2026-10-02")
    assert best_of(tmp_path, warehouse, margin=0.05) is None  # it serves
    serve(warehouse, "2026-10-03", shown_better=False)
    serve(warehouse, "2026-10-04", shown_better=False)
    assert best_of(tmp_path, warehouse, margin=0.05) == "2026-10-02"
    assert best_of(tmp_path, warehouse, margin=0.0) is None


def test_withdrawn_models_are_named_to_the_gate(tmp_path: Path, warehouse: Warehouse) -> None:
    serve(warehouse, "2026-10-01")
    second = serve(warehouse, "2026-10-02")
    roll_back(warehouse, AGENT)
    assert past_nights(warehouse, desk(tmp_path), day=TODAY).withdrawn == (second.manifest.content_digest,)


def test_shadow_is_on_where_there_is_a_sandbox_unless_the_file_says_otherwise(tmp_path: Path) -> None:
    sandbox = {"command": ["true"]}
    assert not wants_shadow(desk(tmp_path))
    assert (wants_shadow(desk(tmp_path, sandbox=sandbox)), most_runs(desk(tmp_path, sandbox=sandbox))) == (True, 240)
    assert not wants_shadow(desk(tmp_path, sandbox=sandbox, gate={"shadow": {"runs": 0}}))
    assert most_runs(desk(tmp_path, sandbox=sandbox, gate={"shadow": {"runs": 7}})) == 7
