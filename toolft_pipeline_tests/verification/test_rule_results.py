"""A run explained rule by rule: asked again, stopped at the first that is broken, shown beside the stored verdict."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from toolft_pipeline.trajectories.category import Category
from toolft_pipeline.verification.rule_results import RuleStatus, disagreement, rule_results
from toolft_pipeline.verification.rules.verdict import Fault, ReplayExtent, Rule, Verdict
from toolft_pipeline_tests.conversations import calls, result, says, trajectory, user
from toolft_pipeline_tests.verification.rules.test_rule_set import RULES

ACCEPTED = Verdict(
    trajectory_id="run-1", accepted=True, rule=None, fault=None, reason=None, category=Category.NO_TOOL, tools=[]
)
TALK = trajectory(user("hi"), says("Hello!"))


def rejected(rule: Rule, fault: Fault, **fields: Any) -> Verdict:
    return replace(ACCEPTED, accepted=False, rule=rule, fault=fault, reason="so it was", **fields)


def shown(verdict: Verdict, run: Any = TALK) -> dict[str, tuple[str, str | None]]:
    return {one.rule.value: (one.answer.value, one.reason) for one in rule_results(run, rules=RULES, verdict=verdict)}


def test_answers_accepted_run_passes_every_rule_that_was_asked() -> None:
    found = shown(replace(ACCEPTED, replay_key="k", redacted=["email"]))
    assert list(found) == [rule.value for rule in Rule]
    assert found["replay"] == ("passed", "when the day was verified")
    assert found["redaction"] == ("passed", "replaced: email")


def test_answers_broken_rule_ends_the_asking_and_says_why() -> None:
    unasked = trajectory(user("hi"), calls(("a", "no_such_tool", {})), result("a", "no_such_tool", "1"), says("x"))
    found = shown(rejected(Rule.CATALOG, Fault.UNKNOWN_TOOL), unasked)
    assert found["structure"] == ("passed", None)
    assert found["catalog"][0] == "broken"
    assert "no_such_tool" in (found["catalog"][1] or "")
    assert {found[rule.value] for rule in list(Rule)[2:]} == {("not asked", "catalog was broken first")}


def test_answers_replay_and_redaction_are_read_from_the_stored_verdict() -> None:
    replayed = shown(rejected(Rule.REPLAY, Fault.RESULT_DIFFERS))
    assert replayed["replay"] == ("broken", "so it was")
    assert replayed["redaction"][0] == "not asked"
    redacted = shown(rejected(Rule.REDACTION, Fault.REDACTION_BREAKS_SCHEMA, replay_key="k"))
    assert (redacted["replay"][0], redacted["redaction"]) == ("passed", ("broken", "so it was"))
    unread = shown(rejected(Rule.GROUNDING, Fault.UNREAD_VALUE))
    assert unread["grounding"] == ("broken", "so it was")


@pytest.mark.parametrize(
    ("replay", "answer", "words"),
    [
        (ReplayExtent.WHOLE, "passed", "when the day was verified"),
        (ReplayExtent.RESULTS_ONLY, "passed", "no final state"),
        (ReplayExtent.NOT_POSSIBLE, "not asked", "cannot be replayed"),
    ],
)
def test_answers_tell_how_far_a_run_was_replayed(replay: ReplayExtent, answer: str, words: str) -> None:
    found = shown(replace(ACCEPTED, replay=replay))["replay"]
    assert found[0] == answer
    assert words in (found[1] or "")


def test_answers_run_rejected_after_its_replay_counts_as_replayed() -> None:
    unread = shown(rejected(Rule.GROUNDING, Fault.UNREAD_VALUE, replay=ReplayExtent.WHOLE))
    assert (unread["grounding"][0], unread["replay"][0]) == ("broken", "passed")


def test_answers_golden_run_skips_the_outcome() -> None:
    golden = trajectory(user("hi"), says("Hello!"), golden=True, status="unknown")
    assert shown(ACCEPTED, golden)["outcome"] == (RuleStatus.PASSED.value, "golden runs skip it")


def test_disagreement_is_silent_where_both_say_the_same_and_names_both_where_not() -> None:
    given = rule_results(TALK, rules=RULES, verdict=ACCEPTED)
    assert disagreement(given, ACCEPTED) is None
    said = disagreement(given, rejected(Rule.CATALOG, Fault.UNKNOWN_TOOL))
    assert said is not None
    assert said.startswith("the verdict in force names catalog (so it was), but now every rule passes")
