"""The paired comparison counts only tasks that both models ran, and needs enough of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from toolft_pipeline.evaluation.promotion.gate import CandidateStatus, ChampionResult, decide_promotion
from toolft_pipeline.settings import GateSettings
from toolft_pipeline_tests.evaluation.figures import figures


@pytest.mark.parametrize(("shared", "promoted"), [(0, False), (1, False), (19, False), (20, True)])
def test_gate_needs_min_tasks_of_shared_tasks(shared: int, promoted: bool) -> None:
    """The candidate ran a hundred tasks and won every one that the champion ran too."""
    candidate = figures(100)
    lost = dict.fromkeys(list(candidate.task_outcomes)[:shared], False)
    others = {f"other{number}": True for number in range(100)}
    champion = replace(figures(0), task_outcomes={**lost, **others})
    verdict = decide_promotion(
        candidate=candidate,
        candidate_status=CandidateStatus(as_of="2026-10-05", proofs={"loss_mask": True}),
        champion=ChampionResult(day="2026-10-04", content_digest="c" * 64, metrics=champion),
        gate=GateSettings(min_tasks=20),
    )
    assert verdict.promote is promoted
    assert verdict.n_tasks == shared
    assert promoted or any(f"only {shared} tasks are shared" in reason for reason in verdict.reasons)
