"""A candidate that has lost abilities of its base is refused, by margins on the same questions."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from toolft_pipeline.evaluation.promotion.gate import CandidateStatus, decide_promotion
from toolft_pipeline.evaluation.promotion.kept_abilities import (
    AbilityAnswers,
    ComparedAbilities,
    compare_abilities,
    lost_abilities,
)
from toolft_pipeline.settings import GateSettings
from toolft_pipeline_tests.evaluation.figures import figures

GATE = GateSettings()


def _first(right: int, of: int = 250) -> dict[str, bool]:
    """The first `right` of so many questions answered right."""
    return {f"q{number:03}": number < right for number in range(of)}


def _answers(general: int, no_tool: int, irrelevance: Mapping[str, bool] | None = None) -> AbilityAnswers:
    return AbilityAnswers(general=_first(general), no_tool=_first(no_tool), irrelevance=irrelevance)


def _objections(candidate: AbilityAnswers, base: AbilityAnswers | None, gate: GateSettings = GATE) -> list[str]:
    return list(lost_abilities(ComparedAbilities(candidate=candidate, base=base), gate=gate))


def test_abilities_of_an_equal_candidate_are_kept() -> None:
    assert _objections(_answers(100, 245), _answers(100, 245)) == []


@pytest.mark.parametrize(
    ("general", "objects"),
    [(90, False), (85, False), (80, True), (50, True)],  # lost 4, 6, 8 and 20 points of the base's 40
)
def test_abilities_lost_beyond_the_margin_at_the_lower_bound_are_an_objection(general: int, objects: bool) -> None:
    found = _objections(_answers(general, 245), _answers(100, 245))
    assert bool(found) is objects
    if general == 50:
        assert found == [
            "general ability 20.0%, the base 40.0% on the same 250 questions (0 won, 50 lost): it may be worse by "
            "25.4%, gate.ability_margin allows 10.0%"
        ]


def test_abilities_calls_where_none_can_help_have_a_margin_of_their_own() -> None:
    (objection,) = _objections(_answers(100, 220), _answers(100, 245))
    assert objection.startswith("no call where none can help 88.0%, the base 98.0%")
    assert "gate.irrelevance_margin allows 5.0%" in objection


def test_abilities_twenty_questions_do_not_show_that_nothing_was_lost() -> None:
    """On 20 equal answers the lower bound is -16 points; on 250 it is -1.5."""
    few = AbilityAnswers(general=_first(8, 20), no_tool=_first(20, 20))
    assert [text.split(" ")[0] for text in _objections(few, few)] == ["general", "no"]


def test_abilities_bfcl_irrelevance_joins_where_it_was_asked() -> None:
    asked = _answers(100, 245, _first(200, 240))
    assert _objections(asked, asked) == []
    (objection,) = _objections(_answers(100, 245, _first(60, 240)), asked)
    assert objection.startswith("BFCL irrelevance 25.0%, the base 83.3% on the same 240 questions")


def test_abilities_that_were_not_measured_are_not_kept() -> None:
    nothing = AbilityAnswers(general={}, no_tool={})
    found = _objections(nothing, nothing)
    assert ["evaluation.probes" in text and "was not measured" in text for text in found] == [True, True]
    (objection,) = _objections(_answers(100, 245), None)
    assert "add base to evaluation.compare" in objection


def test_abilities_margin_of_one_leaves_an_ability_out() -> None:
    off = GateSettings(ability_margin=1, irrelevance_margin=1)
    nothing = AbilityAnswers(general={}, no_tool={})
    assert _objections(nothing, nothing, off) == _objections(nothing, None, off) == []
    half = GateSettings(irrelevance_margin=1)
    assert [text[:7] for text in _objections(_answers(0, 0), _answers(100, 245), half)] == ["general"]
    kept = AbilityAnswers(general=_first(100), no_tool={})
    assert _objections(kept, kept, half) == []


def test_abilities_are_compared_on_shared_questions_alone() -> None:
    ours = AbilityAnswers(general={"a": True, "b": False, "x": True}, no_tool={})
    theirs = AbilityAnswers(general={"a": True, "b": True, "y": False}, no_tool={})
    general, _ = compare_abilities(ComparedAbilities(candidate=ours, base=theirs), gate=GATE)
    assert (general.n, general.wins, general.losses, general.difference.value) == (2, 0, 1, -0.5)


def test_gate_lists_a_lost_ability_beside_its_other_objections() -> None:
    lost = ComparedAbilities(candidate=_answers(20, 20), base=_answers(100, 245))
    kept = ComparedAbilities(candidate=_answers(100, 245), base=_answers(100, 245))
    reasons = {}
    for name, abilities in (("lost", lost), ("kept", kept)):
        verdict = decide_promotion(
            candidate=figures(80), candidate_status=CandidateStatus(as_of="2026-10-05", proofs={"loss_mask": True}),
            champion=None, gate=GATE, abilities=abilities,
        )  # fmt: skip
        reasons[name] = verdict.reasons
    assert [reason for reason in reasons["lost"] if "general ability 8.0%" in reason]
    assert [reason for reason in reasons["lost"] if "no call where none can help 8.0%" in reason]
    assert not [reason for reason in reasons["kept"] if "ability" in reason]
