"""A variant passes by its own figures, and never by losing tasks."""

from __future__ import annotations

import pytest

from toolft_pipeline.evaluation.promotion.variants import VariantVerdict, judge_variant
from toolft_pipeline.settings import GateSettings
from toolft_pipeline_tests.evaluation.figures import figures


def judged(passed: int, *, shift: int = 0, right: int = 290) -> VariantVerdict:
    """A variant that passes these tasks, against a candidate that passes the first 80."""
    behind = figures(passed, shift=shift, right=right)
    return judge_variant("constrained", model="m", behind=behind, plain=figures(80), gate=GateSettings(), identity={})


def test_equal_and_better_variants_pass() -> None:
    assert judged(80).passed
    assert (judged(85).wins, judged(85).losses, judged(85).passed) == (5, 0, True)


@pytest.mark.parametrize(("passed", "shift"), [(79, 0), (79, 1)])
def test_a_variant_that_loses_more_tasks_than_it_wins_is_refused(passed: int, shift: int) -> None:
    verdict = judged(passed, shift=shift)
    assert not verdict.passed
    assert verdict.reasons[0].startswith("behind the net 1 tasks end worse and 0 better")


def test_a_variant_below_a_threshold_is_refused_with_every_reason() -> None:
    verdict = judged(70, right=200)
    assert [reason.split()[0] for reason in verdict.reasons] == ["right_tool", "valid_arguments", "behind"]
