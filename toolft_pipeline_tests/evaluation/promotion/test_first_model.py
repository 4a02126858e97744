"""What the first model must show, while only the incumbent serves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from toolft_pipeline.evaluation.promotion.gate import CandidateStatus, GateVerdict, decide_promotion
from toolft_pipeline.evaluation.promotion.paired import Basis
from toolft_pipeline.evaluation.scoring.metrics import ModelMetrics
from toolft_pipeline.settings import FirstModelSettings, GateSettings
from toolft_pipeline_tests.evaluation.figures import figures

GATE = GateSettings()
STATUS = CandidateStatus(as_of="2026-10-05", proofs={"loss_mask": True})


def decide(
    candidate: ModelMetrics,
    *,
    base: ModelMetrics | None = None,
    shadow: ModelMetrics | None = None,
    gate: GateSettings = GATE,
) -> GateVerdict:
    return decide_promotion(
        candidate=candidate, candidate_status=STATUS, champion=None, gate=gate, shadow=shadow, base=base
    )


def steps_only(scores: list[float]) -> ModelMetrics:
    """Figures of an agent without a sandbox: no task is run."""
    by_task = {f"t{number:03}": score for number, score in enumerate(scores)}
    return replace(figures(0, n=0), step_scores=by_task)


def test_first_model_that_clears_the_floor_and_beats_the_base_is_promoted() -> None:
    verdict = decide(figures(70), base=figures(4, n=24))
    assert verdict.promote
    assert verdict.reasons[0] == "every threshold is met, and no model is in service"


@pytest.mark.parametrize(("passed", "promoted"), [(59, False), (60, True)])
def test_first_model_floor_is_held_against_the_lower_bound(passed: int, promoted: bool) -> None:
    verdict = decide(figures(passed), base=figures(0))
    assert verdict.promote is promoted
    assert promoted or "its lower bound 49.2% is below gate.first.task_success 50.0%" in verdict.reasons[0]


def test_first_model_that_is_no_better_than_the_base_is_refused() -> None:
    (objection,) = decide(figures(70), base=figures(65)).reasons
    assert "5 tasks won and 0 lost against the base, of 100: that does not show it to be better" in objection


def test_first_model_is_compared_with_the_base_on_the_tasks_that_both_ran() -> None:
    """The base runs fewer tasks; on those, ten won and none lost are the least that is enough."""
    assert decide(figures(70), base=figures(14, n=24)).promote
    assert not decide(figures(70), base=figures(15, n=24)).promote


def test_first_model_without_a_base_to_beat_says_how_to_add_one() -> None:
    (objection,) = decide(figures(70)).reasons
    assert "add `base` to evaluation.compare, or set gate.first.beats_base to false" in objection
    free = GateSettings(first=FirstModelSettings(beats_base=False))
    assert decide(figures(70), gate=free).promote


def test_first_model_notes_what_it_does_of_the_incumbents_runs() -> None:
    verdict = decide(figures(70), base=figures(0), shadow=figures(40, n=50))
    assert any("of 50 runs that the incumbent did and verification accepted, it does 40" in n for n in verdict.notes)
    assert any("not compared with the incumbent" in note for note in decide(figures(70), base=figures(0)).notes)


def test_first_model_that_fails_the_incumbents_runs_is_refused() -> None:
    (objection,) = decide(figures(70), base=figures(0), shadow=figures(20, n=50)).reasons
    assert "is below gate.shadow.task_success 50.0%" in objection


def test_first_model_without_a_sandbox_is_judged_by_steps_alone() -> None:
    verdict = decide(steps_only([1.0] * 30 + [0.5] * 10), base=steps_only([0.25] * 40))
    assert verdict.promote
    assert (verdict.basis, verdict.n_tasks) == (Basis.STEPS, 40)
    assert any("judged by steps alone" in note for note in verdict.notes)


def test_first_model_without_a_sandbox_needs_whole_tasks_and_not_only_steps() -> None:
    """Five right steps of six in every task, and no task that is right as a whole."""
    (objection,) = decide(steps_only([5 / 6] * 40), base=steps_only([0.25] * 40)).reasons
    assert "tasks with every step right 0.0%" in objection


def test_threshold_of_task_success_without_a_sandbox_is_refused_with_the_fix() -> None:
    found = decide(steps_only([1.0] * 40), base=steps_only([0.0] * 40), gate=GateSettings(task_success=0.6))
    assert found.reasons == (
        "task_success cannot be measured without a sandbox; configure `sandbox`, or set gate.task_success to 0",
    )
