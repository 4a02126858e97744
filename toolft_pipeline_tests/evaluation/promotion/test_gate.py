from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from toolft_pipeline.evaluation.promotion.gate import CandidateStatus, ChampionResult, GateVerdict, decide_promotion
from toolft_pipeline.evaluation.promotion.verdict import ServedFigures
from toolft_pipeline.evaluation.scoring.intervals import wilson
from toolft_pipeline.evaluation.scoring.metrics import ModelMetrics
from toolft_pipeline.settings import GateSettings, ShadowSettings
from toolft_pipeline.settings.gate import FirstModelSettings
from toolft_pipeline_tests.evaluation.figures import figures

GATE = GateSettings(min_tasks=20)
PROOFS = {"loss_mask": True, "serving_prompt": True}
UNTUNED = figures(2)
STATUS: dict[str, Any] = {"as_of": "2026-10-05", "proofs": PROOFS}


def _decide(
    candidate: ModelMetrics,
    champion: ModelMetrics | None = None,
    *,
    gate: GateSettings = GATE,
    champion_day: str = "2026-10-04",
    shadow: tuple[ModelMetrics, ModelMetrics | None] | None = None,
    base: ModelMetrics | None = UNTUNED,
    **status: Any,
) -> GateVerdict:
    ours, theirs = shadow or (None, None)
    result = None
    if champion is not None:
        result = ChampionResult(day=champion_day, content_digest="c" * 64, metrics=champion, shadow=theirs)
    return decide_promotion(
        candidate=candidate,
        candidate_status=CandidateStatus(**{**STATUS, **status}),
        champion=result,
        gate=gate,
        shadow=ours,
        base=base,
    )


def _only_objection(verdict: GateVerdict) -> str:
    assert not verdict.promote
    assert len(verdict.reasons) == 1, verdict.reasons
    return verdict.reasons[0]


def test_gate_good_candidate_without_a_champion_is_promoted() -> None:
    verdict = _decide(figures(80))
    assert verdict.promote
    assert (verdict.difference, verdict.against) == (None, None)


def test_gate_better_candidate_replaces_the_champion_and_names_whom_it_was_compared_with() -> None:
    verdict = _decide(figures(80), figures(70))
    assert verdict.promote
    assert (verdict.wins, verdict.losses, verdict.against) == (10, 0, "c" * 64)
    assert verdict.difference is not None
    assert verdict.difference.value == pytest.approx(0.1)


def test_gate_tie_keeps_the_champion_and_says_what_the_tasks_could_show() -> None:
    objection = _only_objection(_decide(figures(80), figures(80)))
    assert "a tie keeps the champion (gate.margin 0)" in objection
    assert "100 tasks show a difference of 14.2% in one night with 80 % power" in objection


@pytest.mark.parametrize(("won", "promoted"), [(1, False), (6, False), (9, False), (10, True)])
def test_gate_lead_that_may_be_chance_keeps_the_champion(won: int, promoted: bool) -> None:
    """Six tasks won and none lost (p = 0.016) come by chance in six nights of a year, ten (p = 0.001) in a third of a
    night.
    """
    verdict = _decide(figures(80 + won), figures(80))
    assert verdict.promote is promoted
    assert promoted or "that does not show it to be better" in _only_objection(verdict)


def test_gate_margin_is_held_against_the_lower_end_of_the_difference() -> None:
    wide, narrow = (GateSettings(min_tasks=20, margin=margin) for margin in (0.16, 0.08))
    promoted = _decide(figures(78), figures(80), gate=wide)
    assert promoted.promote
    assert not promoted.shown_better
    assert "gate.margin allows 8.0%" in _only_objection(_decide(figures(78), figures(80), gate=narrow))
    assert not _decide(figures(79), figures(80)).promote


def test_gate_margin_lets_a_tie_pass_only_where_there_are_tasks_enough_to_see_it() -> None:
    gate = GateSettings(min_tasks=20, margin=0.1)
    assert _decide(figures(80), figures(80), gate=gate).promote
    few = [figures(20, n=25) for _ in range(2)]
    assert "may be worse by 26.4%" in _only_objection(_decide(*few, gate=gate))


def test_gate_significant_regression_is_refused_whatever_the_margin() -> None:
    verdict = _decide(figures(70), figures(80), gate=GateSettings(min_tasks=20, margin=0.5))
    assert _only_objection(verdict).startswith("a regression")


def test_gate_threshold_is_held_against_the_lower_bound() -> None:
    candidate = replace(figures(80), right_tool=wilson(250, 300))
    assert candidate.right_tool.value > 0.82 > candidate.right_tool.low
    objection = _only_objection(_decide(candidate, gate=GateSettings(min_tasks=20, right_tool=0.82)))
    assert "right_tool" in objection
    assert "lower bound" in objection


@pytest.mark.parametrize("name", ["parse_rate", "right_tool", "valid_arguments", "task_success"])
def test_gate_every_threshold_refuses_by_its_name(name: str) -> None:
    candidate = replace(figures(80), **{name: wilson(30, 100)})
    gate = GateSettings(min_tasks=20, **{name: 0.9})
    (objection,) = [reason for reason in _decide(candidate, gate=gate).reasons if f"gate.{name} 90.0%" in reason]
    assert objection.startswith(f"{name} 30.0%: its lower bound 21.9% is below")


@pytest.mark.parametrize("n", [0, 1, 19])
def test_gate_thin_test_set_is_refused(n: int) -> None:
    assert f"{n} tasks were run, gate.min_tasks requires 20" in _decide(figures(n, n=n)).reasons[0]
    assert _decide(figures(20, n=20), base=figures(0, n=20)).promote


def test_gate_champion_judged_on_other_tasks_refuses() -> None:
    champion = figures(70)
    other = replace(champion, task_outcomes={f"other{n}": True for n in range(100)})
    assert "only 0 tasks are shared" in _only_objection(_decide(figures(80), other))


def test_gate_red_or_missing_proof_is_refused() -> None:
    assert "has no proofs" in _only_objection(_decide(figures(80), proofs={}))
    red = _decide(figures(80), proofs={"loss_mask": True, "serving_prompt": False})
    assert _only_objection(red) == "the proof serving_prompt failed"


def test_gate_gap_in_the_lineage_is_refused() -> None:
    verdict = _decide(figures(80), lineage_gaps=["desk/raw: no version has the content 1234"])
    assert _only_objection(verdict).startswith("its lineage is incomplete: desk/raw")


def test_gate_objection_found_outside_the_metrics_is_refused() -> None:
    assert _only_objection(_decide(figures(80), objections=["3 of 20 tasks cannot be done"])).startswith("3 of 20")


def test_gate_model_that_a_rollback_took_out_is_refused_however_good_it_is() -> None:
    verdict = _decide(figures(100), figures(10), withdrawn="2026-10-06T08:00:00+00:00")
    assert "a rollback took this model out of service (2026-10-06T08" in _only_objection(verdict)


def test_gate_day_before_the_champions_is_refused_and_the_same_day_is_not() -> None:
    early = _decide(figures(80), figures(70), champion_day="2026-10-06")
    assert "is before the champion's day 2026-10-06" in _only_objection(early)
    assert _decide(figures(80), figures(70), champion_day="2026-10-05").promote


OFF = GateSettings(min_tasks=20, shadow=ShadowSettings(runs=0))
SHADOW = GateSettings(min_tasks=20, shadow=ShadowSettings(runs=50, min_runs=10, task_success=0.5))


def test_gate_shadow_that_is_wanted_and_was_not_run_is_refused() -> None:
    assert "shadow: 0 runs of the newest day" in _only_objection(_decide(figures(80), gate=SHADOW))


def test_gate_shadow_of_a_thin_day_is_refused() -> None:
    verdict = _decide(figures(80), gate=SHADOW, shadow=(figures(9, n=9), None))
    assert "shadow: 9 runs of the newest day can be replayed, gate.shadow.min_runs requires 10" in verdict.reasons


def test_gate_shadow_below_its_threshold_is_refused_at_the_lower_bound() -> None:
    verdict = _decide(figures(80), gate=SHADOW, shadow=(figures(30, n=50), None))
    assert "below gate.shadow.task_success 50.0%" in _only_objection(verdict)
    assert _decide(figures(80), gate=SHADOW, shadow=(figures(40, n=50), None)).promote


def test_gate_shadow_regression_is_refused_though_the_tasks_were_won() -> None:
    shadow = (figures(40, n=50), figures(49, n=50))
    verdict = _decide(figures(80), figures(70), gate=SHADOW, shadow=shadow)
    (objection,) = (reason for reason in verdict.reasons if reason.startswith("shadow: a regression"))
    assert "on the newest day's runs: 0 tasks won and 9 lost" in objection
    assert verdict.shadow is not None
    assert verdict.shadow.losses == 9


def test_gate_shadow_that_is_not_wanted_says_nothing() -> None:
    assert _decide(figures(80), gate=OFF, shadow=(figures(0, n=50), None)).promote


@pytest.mark.parametrize("n", [0, 9])
def test_gate_thin_day_refuses_nobody_where_no_number_of_runs_is_asked_for(n: int) -> None:
    assert _decide(figures(80), shadow=(figures(0, n=n), None)).promote
    assert "below gate.shadow.task_success" in _only_objection(_decide(figures(80), shadow=(figures(0, n=10), None)))


def test_gate_lists_every_objection() -> None:
    verdict = _decide(figures(5, n=10, right=200), figures(9, n=10), proofs={}, champion_day="2026-10-09")
    assert len(verdict.reasons) >= 5


def test_gate_made_up_tools_are_held_against_the_upper_bound() -> None:
    """No made-up tool in 60 turns still allows 6 %."""
    few, enough = (replace(figures(80), hallucinated_tool=wilson(0, n)) for n in (60, 90))
    objection = _only_objection(_decide(few))
    assert objection == "hallucinated_tool 0.0%: its upper bound 6.0% is above gate.hallucinated_tool 5.0%"
    assert _decide(enough).promote


def test_gate_budget_of_wrong_promotions_moves_the_bar() -> None:
    generous = GateSettings(min_tasks=20, wrong_promotions_per_year=18.25)
    assert _decide(figures(86), figures(80), gate=generous).promote
    strict = GateSettings(min_tasks=20, wrong_promotions_per_year=0.1)
    assert not _decide(figures(92), figures(80), gate=strict).promote
    assert _decide(figures(93), figures(80), gate=strict).promote  # 2 ** -13 < 0.1 / 730


def test_gate_asked_twice_says_the_same() -> None:
    assert _decide(figures(80), figures(70)) == _decide(figures(80), figures(70))


def test_gate_holds_thresholds_against_what_is_served() -> None:
    plain, behind = figures(80, right=200), figures(80)
    assert [reason.split()[0] for reason in _decide(plain).reasons] == ["right_tool", "valid_arguments"]
    verdict = _decide(plain, served=ServedFigures(name="candidate+constrained", metrics=behind))
    assert verdict.promote
    assert verdict.judged == "candidate+constrained"
    assert any("candidate+constrained, as it is served" in note for note in verdict.notes)
    worse = _decide(behind, served=ServedFigures(name="candidate+constrained", metrics=plain))
    assert [reason.split()[0] for reason in worse.reasons] == ["right_tool", "valid_arguments"]
    assert _decide(behind).judged is None


def test_gate_floor_of_a_first_model_is_of_what_is_served() -> None:
    gate = GATE.model_copy(update={"first": FirstModelSettings(task_success=0.3)})
    few, many = figures(20), figures(80)
    assert "first model: task success 20.0%" in _only_objection(_decide(few, gate=gate))
    assert _decide(few, gate=gate, served=ServedFigures(name="net", metrics=many)).promote


def test_gate_compares_with_other_models_without_the_net() -> None:
    """A net lifts each model: what it brings the candidate alone shows nothing of the training."""
    served = ServedFigures(name="net", metrics=figures(95))
    assert not _decide(figures(70), figures(70), served=served).promote
    assert _decide(figures(80), figures(70), served=served).promote
    base = _only_objection(_decide(figures(60), base=figures(60), served=served))
    assert "against the base" in base
