from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from toolft_pipeline.evaluation.gate import Verdict, decide
from toolft_pipeline.evaluation.intervals import wilson
from toolft_pipeline.evaluation.metrics import ModelMetrics
from toolft_pipeline.settings import GateSettings

GATE = GateSettings(min_tasks=20)
PROOFS = {"loss_mask": True, "serving_prompt": True}


def _metrics(passed: int, *, n: int = 100, right: int = 290, steps: int = 300) -> ModelMetrics:
    good = wilson(right, steps)
    return ModelMetrics(
        n_steps=steps, n_call_steps=steps, n_tasks=n, parse_rate=wilson(steps, steps), right_tool=good,
        valid_arguments=good, hallucinated_tool=wilson(0, steps), exact_match=good, fuzzy_match=good,
        functional_match=good, functional_basis="similarity", task_success=wilson(passed, n), latency_ms_p50=1.0,
        latency_ms_p95=2.0, tokens_per_turn=3.0, cost_per_1k_tasks=0.0, catalog_tokens_saved_per_turn=0, failures={},
        by_category={}, by_tool={}, task_outcomes={f"t{number:03}": number < passed for number in range(n)},
    )  # fmt: skip


def _decide(candidate: ModelMetrics, in_service: ModelMetrics | None = None, **changes: Any) -> Verdict:
    champion_day = None if in_service is None else "2026-10-04"
    facts: dict[str, Any] = {"gate": GATE, "proofs": PROOFS, "as_of": "2026-10-05", "champion_day": champion_day}
    return decide(candidate=candidate, in_service=in_service, **{**facts, **changes})


def test_gate_good_candidate_without_a_champion_is_promoted() -> None:
    verdict = _decide(_metrics(80))
    assert verdict.promote
    assert verdict.difference is None


def test_gate_better_candidate_replaces_the_champion() -> None:
    verdict = _decide(_metrics(80), _metrics(70))
    assert verdict.promote
    assert (verdict.wins, verdict.losses) == (10, 0)
    assert verdict.difference is not None
    assert verdict.difference.value == pytest.approx(0.1)


def test_gate_tie_keeps_the_champion() -> None:
    verdict = _decide(_metrics(80), _metrics(80))
    assert not verdict.promote
    assert "a tie keeps the champion" in verdict.reasons[0]


def test_gate_worse_within_the_margin_passes_and_beyond_it_does_not() -> None:
    gate = GateSettings(min_tasks=20, margin=0.03)
    assert _decide(_metrics(78), _metrics(80), gate=gate).promote
    assert not _decide(_metrics(76), _metrics(80), gate=gate).promote
    assert not _decide(_metrics(79), _metrics(80)).promote


def test_gate_significant_regression_is_refused_whatever_the_margin() -> None:
    verdict = _decide(_metrics(70), _metrics(80), gate=GateSettings(min_tasks=20, margin=0.5))
    assert not verdict.promote
    assert verdict.reasons[0].startswith("a regression")


def test_gate_threshold_is_held_against_the_lower_bound() -> None:
    candidate = _metrics(80, right=250)
    assert candidate.right_tool.value > GATE.right_tool > candidate.right_tool.low
    verdict = _decide(candidate)
    assert not verdict.promote
    assert any("right_tool" in reason and "lower bound" in reason for reason in verdict.reasons)


def test_gate_thin_test_set_is_refused() -> None:
    assert not _decide(_metrics(19, n=19)).promote
    assert not _decide(_metrics(0, n=0)).promote


def test_gate_champion_judged_on_other_tasks_refuses() -> None:
    champion = _metrics(70)
    other = replace(champion, task_outcomes={f"other{n}": True for n in range(100)})
    verdict = _decide(_metrics(80), other)
    assert not verdict.promote
    assert "0 tasks are shared" in verdict.reasons[0]


@pytest.mark.parametrize("proofs", [{}, {"loss_mask": True, "serving_prompt": False}])
def test_gate_red_or_missing_proof_is_refused(proofs: dict[str, bool]) -> None:
    assert not _decide(_metrics(80), proofs=proofs).promote


def test_gate_day_before_the_champions_is_refused_and_the_same_day_is_not() -> None:
    assert not _decide(_metrics(80), _metrics(70), champion_day="2026-10-06").promote
    assert _decide(_metrics(80), _metrics(70), champion_day="2026-10-05").promote


def test_gate_lists_every_objection() -> None:
    verdict = _decide(_metrics(5, n=10, right=200), proofs={}, champion_day="2026-10-09")
    assert len(verdict.reasons) >= 5


def test_gate_asked_twice_says_the_same() -> None:
    assert _decide(_metrics(80), _metrics(70)) == _decide(_metrics(80), _metrics(70))
