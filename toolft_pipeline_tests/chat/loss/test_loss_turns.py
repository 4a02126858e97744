"""Which turns carry no loss: the rule, the proofs' own reading of it, and a third one from the script agree."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolft_pipeline.chat.loss_turns import NoLoss, corrected_turns, messages_without_loss, turns_without_loss
from toolft_pipeline.chat.proofs.loss_turns import turns_with_loss
from toolft_pipeline.settings import LossOnFailedCalls
from toolft_pipeline.trajectories.record import Role
from toolft_pipeline.trajectories.tool_failure import failed_results
from toolft_pipeline_tests.chat.loss.scripts import Script, corrected, written
from toolft_pipeline_tests.conversations import accepted

MASKED = LossOnFailedCalls.MENDED_MASKED

CALLS = st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["ok", "error"])), min_size=1, max_size=3)
SCRIPTS = st.lists(st.sampled_from(["user", "answer"]) | CALLS, max_size=10)


def masked(script: Script) -> set[int]:
    run = written(script)
    return set(corrected_turns(run.messages, failed_results(run.messages)))


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (["user", [("find", "error")], [("find", "ok")], "answer"], {0}),
        (["user", [("find", "error")], [("find", "error")], [("find", "ok")], "answer"], {0, 1}),
        (["user", [("find", "error")], [("list", "ok")], [("find", "ok")], "answer"], {0}),
        (["user", [("find", "error"), ("list", "error")], [("list", "ok")], [("find", "ok")], "answer"], {0}),
    ],
)
def test_failed_turn_that_the_run_corrects_carries_no_loss(script: Script, expected: set[int]) -> None:
    assert masked(script) == expected == corrected(script)


@pytest.mark.parametrize(
    "script",
    [
        ["user", [("find", "error")], "answer"],  # explained
        ["user", [("find", "error")], [("list", "ok")], "answer"],  # another tool
        ["user", [("find", "error")], "answer", "user", [("find", "ok")], "answer"],  # explained, then asked again
        ["user", [("find", "error")], "user", [("find", "ok")], "answer"],  # the user corrected it
        ["user", [("find", "ok")], [("find", "error")], "answer"],  # it worked before
        ["user", [("find", "error"), ("find", "ok")], "answer"],  # it worked beside
        ["user", [("find", "error"), ("list", "ok")], [("find", "ok")], "answer"],  # one call of the turn worked
        ["user", [("find", "error"), ("list", "error")], [("find", "ok")], "answer"],  # one was never corrected
        ["user", [("find", "error")], [("find", "error")], "answer"],  # never worked
    ],
)
def test_other_failed_turns_keep_their_loss(script: Script) -> None:
    assert masked(script) == set() == corrected(script)


def test_call_without_a_result_is_no_failure() -> None:
    run = written(["user", [("find", "error"), ("find", "error")], [("find", "ok")], "answer"])
    messages = tuple(message for message in run.messages if message.tool_call_id != "call_1")
    assert corrected_turns(messages, failed_results(messages)) == frozenset()


@given(SCRIPTS, st.sets(st.integers(0, 9)))
def test_rule_proof_and_script_agree(script: Script, marks: set[int]) -> None:
    n_turns = sum(step != "user" for step in script)
    marks = {mark for mark in marks if mark < n_turns}
    (run,) = accepted([written(script, marked=sorted(marks))])
    indices = [index for index, message in enumerate(run.run.messages) if message.role is Role.ASSISTANT]
    for rule, no_lesson in ((LossOnFailedCalls.ALL, set()), (MASKED, corrected(script))):
        without = turns_without_loss(run, rule=rule)
        assert set(without) == marks | no_lesson
        assert {turn for turn, reason in without.items() if reason is NoLoss.MARKED} == marks
        assert set(messages_without_loss(run, rule=rule)) == {indices[turn] for turn in without}
        with_loss = turns_with_loss(run.run.messages, failed_results=run.failed_results, mended_masked=rule is MASKED)
        assert with_loss == [index for turn, index in enumerate(indices) if turn not in without]
