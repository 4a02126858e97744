"""The table of thresholds: the gate's own bounds, failures first, and a warning for a margin that lets all pass."""

from __future__ import annotations

from dataclasses import replace

import pytest

from toolft_pipeline.evaluation.promotion.kept_abilities import AbilityAnswers, ComparedAbilities, compare_abilities
from toolft_pipeline.evaluation.report.threshold_distances import threshold_distances, wide_margins
from toolft_pipeline.evaluation.scoring.intervals import Rate
from toolft_pipeline.settings import GateSettings
from toolft_pipeline_tests.evaluation.figures import figures


def _lost(gate: GateSettings, *, right: int = 20) -> list[str]:
    base = {f"q{number}": number < 100 for number in range(250)}
    ours = {question: number < right for number, question in enumerate(base)}
    answers = (AbilityAnswers(general=ours, no_tool={}), AbilityAnswers(general=base, no_tool={}))
    return wide_margins(
        compare_abilities(ComparedAbilities(candidate=answers[0], base=answers[1]), gate=gate)[:1]
    )  # fmt: skip


def test_distances_are_of_the_worse_bound_and_failures_come_first() -> None:
    rates = {"parse_rate": Rate(value=0.99, low=0.97, high=1.0), "right_tool": Rate(value=0.9, low=0.7, high=0.95),
             "valid_arguments": Rate(value=0.9, low=0.79, high=0.95)}  # fmt: skip
    found = threshold_distances(replace(figures(80), **rates), gate=GateSettings(), abilities=())
    by_setting = {each.setting: (round(each.points, 6), each.holds) for each in found}
    assert by_setting["gate.parse_rate"] == (2.0, True)
    assert by_setting["gate.right_tool"] == (-10.0, False)
    assert by_setting["gate.valid_arguments"] == (-1.0, False)
    assert [each.setting for each in found][:2] == ["gate.right_tool", "gate.valid_arguments"]


def test_distances_leave_out_what_nothing_can_fail() -> None:
    found = threshold_distances(figures(80), gate=GateSettings(task_success=0.0), abilities=())
    assert "gate.task_success" not in {each.setting for each in found}


@pytest.mark.parametrize(("margin", "warned"), [(0.1, False), (0.05, False), (0.4, True), (1.0, True)])
def test_wide_margin_is_said_with_what_passes(margin: float, warned: bool) -> None:
    found = _lost(GateSettings(ability_margin=margin))
    assert bool(found) is warned
    if warned:
        percent = f"{100 * margin:.0f}"
        assert found == [
            f"gate.ability_margin is {percent} points (10 by default): a model that lost 32.0 points passes "
            "(general ability: 8.0%, the base 40.0%, 250 questions)"
        ]


def test_wide_margin_of_a_model_that_lost_nothing_says_so() -> None:
    (warning,) = _lost(GateSettings(ability_margin=0.4), right=100)
    assert "this model lost nothing" in warning
