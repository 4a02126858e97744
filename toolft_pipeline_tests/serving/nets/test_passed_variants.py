"""A net is used only with a model that passed the gate behind it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from toolft_pipeline.evaluation.promotion.variants import VARIANTS_FILE, VariantVerdict, read_variants, write_variants
from toolft_pipeline.evaluation.promotion.verdict import VERDICT_FILE
from toolft_pipeline.serving.nets.judged_behind import NetLeftOut
from toolft_pipeline.serving.nets.passed_variants import LOOK_AGAIN_S, PassedVariants
from toolft_pipeline.serving.notice import Notice
from toolft_pipeline.settings.evaluation import Variant
from toolft_pipeline.warehouse.store import Warehouse
from toolft_pipeline_tests.evaluation.model_versions import AGENT, commit

NET = {"variant": "constrained", "llguidance": "1.9.1"}
DAY, MODEL = "2026-10-05", "sha256:model"


def judged(
    *, passed: bool = True, model: str = MODEL, variant: str = "constrained", identity: dict[str, str] = NET
) -> VariantVerdict:
    reasons = () if passed else ("parse_rate is low",)
    return VariantVerdict(
        variant=variant, model=model, passed=passed, reasons=reasons, wins=0, losses=0, identity=identity
    )


def report(warehouse: Warehouse, *verdicts: VariantVerdict, content: str = "report") -> None:
    text = msgspec.json.encode(verdicts).decode()
    commit(warehouse, "eval_report", DAY, content, files={VARIANTS_FILE: text})


class Gate:
    def __init__(self, root: Path) -> None:
        self.now, self.notices = 0.0, list[Notice]()
        self.warehouse = Warehouse(root / "warehouse")
        self._passed = PassedVariants(
            self.warehouse,
            agent=AGENT,
            variant=Variant.CONSTRAINED,
            identity=NET,
            notify=self.notices.append,
            clock=lambda: self.now,
        )

    def passes(self, digest: str = MODEL) -> bool:
        return self._passed(day=DAY, digest=digest)


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path)


def test_a_model_that_passed_is_permitted(gate: Gate) -> None:
    report(gate.warehouse, judged())
    assert gate.passes()
    assert gate.notices == []


@pytest.mark.parametrize(
    "verdict",
    [
        None,
        {"identity": NET | {"llguidance": "1.8.0"}},
        {"model": "sha256:another"},
        {"variant": "fallback"},
        {"passed": False},
    ],
    ids=str,
)
def test_any_other_model_is_refused_with_one_notice(gate: Gate, verdict: dict[str, Any] | None) -> None:
    if verdict is not None:
        report(gate.warehouse, judged(**verdict))
    assert not gate.passes()
    assert not gate.passes()
    (notice,) = gate.notices
    assert "served without it" in str(notice)
    expected = {"passed": "parse_rate is low", "identity": "with another constrained than the settings now name (llgui"}
    assert expected.get(next(iter(verdict or {}), ""), "evaluation.variants") in str(notice)


def test_the_last_report_decides_and_is_looked_up_again(gate: Gate) -> None:
    report(gate.warehouse, judged(passed=False))
    assert not gate.passes()
    report(gate.warehouse, judged(), content="again")
    assert not gate.passes()
    gate.now += LOOK_AGAIN_S
    assert gate.passes()


def test_decisions_are_read_as_they_were_written(tmp_path: Path) -> None:
    assert read_variants(tmp_path) == []
    write_variants([judged()], tmp_path)
    assert read_variants(tmp_path) == [judged()]
    write_variants([], tmp_path / "none")
    assert not (tmp_path / "none").exists()


def promoted(warehouse: Warehouse, *, judged: str | None, promote: bool = True) -> None:
    verdict = msgspec.json.encode({"promote": promote, "judged": judged}).decode()
    inputs = {f"merged_model/{DAY}": MODEL}
    commit(warehouse, "eval_report", DAY, f"{judged} {promote}", inputs=inputs, files={VERDICT_FILE: verdict})


@pytest.mark.parametrize(
    ("judged", "promote", "warns"), [("candidate+constrained", True, True), (None, True, False), ("x", False, False)]
)
def test_a_net_that_is_left_out_of_a_model_judged_behind_it_is_named_once(
    gate: Gate, judged: str | None, promote: bool, warns: bool
) -> None:
    promoted(gate.warehouse, judged=judged, promote=promote)
    left_out = NetLeftOut(gate.warehouse, agent=AGENT, setting="serving.constrained", notify=gate.notices.append)
    assert not left_out(day=DAY, digest=MODEL)
    assert not left_out(day=DAY, digest=MODEL)
    assert not left_out(day=DAY, digest="sha256:another")
    texts = [str(notice) for notice in gate.notices]
    assert len(texts) == warns
    assert all("candidate+constrained" in text and "serving.constrained is off" in text for text in texts)
    gate.notices.clear()
    assert not gate.passes()
    assert ("thresholds may not hold" in str(gate.notices[0])) is warns
