from __future__ import annotations

import msgspec
import pytest

from toolft_pipeline.settings import VerificationSettings
from toolft_pipeline.trajectories.record import Message, Role, Trajectory
from toolft_pipeline.verification.rules.structure import check_structure
from toolft_pipeline.verification.rules.verdict import Fault, Rule
from toolft_pipeline_tests.conversations import calls, result, says, system, trajectory, user

STRICT = VerificationSettings()
ASK = user("Where is it?")
CALL = calls(("a", "find", {}))
FOUND = result("a", "find", "{}")
TWO = calls(("a", "find", {}), ("b", "price", {}))
PRICE = result("b", "price", "{}")
DONE = says("There.")


@pytest.mark.parametrize(
    "messages",
    [
        (ASK, DONE),
        (system("Be brief."), ASK, CALL, FOUND, DONE),
        (ASK, CALL, FOUND, CALL, FOUND, DONE, ASK, DONE),
        (ASK, TWO, FOUND, PRICE, DONE),
        (ASK, TWO, PRICE, FOUND, DONE),
    ],
)
def test_structure_legal_run_passes(messages: tuple[Message, ...]) -> None:
    assert check_structure(trajectory(*messages), settings=STRICT) is None


@pytest.mark.parametrize(
    ("messages", "fault"),
    [
        ((DONE, ASK, DONE), Fault.ILLEGAL_TRANSITION),
        ((ASK, DONE, DONE), Fault.ILLEGAL_TRANSITION),
        ((ASK, ASK, DONE), Fault.ILLEGAL_TRANSITION),
        ((ASK, FOUND, DONE), Fault.UNASKED_RESULT),
        ((ASK, system("Be rude."), DONE), Fault.ILLEGAL_TRANSITION),
        ((ASK, CALL, FOUND, ASK, DONE), Fault.ILLEGAL_TRANSITION),
        ((Message(role=Role.USER, tool_calls=CALL.tool_calls), DONE), Fault.ILLEGAL_TRANSITION),
        ((ASK, says(" ")), Fault.EMPTY_TURN),
        ((user(" "), DONE), Fault.NO_USER_TURN),
        ((ASK, CALL, DONE), Fault.UNANSWERED_CALL),
        ((ASK, CALL), Fault.UNANSWERED_CALL),
        ((ASK, TWO, FOUND, DONE), Fault.UNANSWERED_CALL),
        ((ASK, CALL, ASK, DONE), Fault.UNANSWERED_CALL),
        ((ASK, CALL, ASK, FOUND, DONE), Fault.UNANSWERED_CALL),
        ((ASK, DONE, FOUND, DONE), Fault.UNASKED_RESULT),
        ((ASK, CALL, FOUND, FOUND, DONE), Fault.UNASKED_RESULT),
        ((ASK, CALL, result("z", "find", "{}"), DONE), Fault.UNASKED_RESULT),
        ((ASK, CALL, result("a", "price", "{}"), DONE), Fault.CALL_ID),
        ((ASK, calls(("a", "find", {}), ("a", "price", {})), FOUND, PRICE, DONE), Fault.CALL_ID),
        ((ASK, calls(("a", "find", {}), ("a", "find", {})), FOUND, FOUND, DONE), Fault.CALL_ID),
        ((ASK, calls(("", "find", {})), result("", "find", "{}"), DONE), Fault.CALL_ID),
        ((ASK, CALL, FOUND), Fault.DANGLING_CALL),
        ((ASK, DONE, ASK), Fault.NO_ANSWER),
        ((system("Be brief."),), Fault.NO_USER_TURN),
    ],
)
def test_structure_each_illegal_run_is_refused_for_its_own_reason(messages: tuple[Message, ...], fault: Fault) -> None:
    violation = check_structure(trajectory(*messages), settings=STRICT)
    assert violation is not None
    assert (violation.rule, violation.fault) == (Rule.STRUCTURE, fault)


def reason_of(run: Trajectory, settings: VerificationSettings = STRICT) -> str:
    violation = check_structure(run, settings=settings)
    return "" if violation is None else violation.reason


REMIND = system("Be brief.")


@pytest.mark.parametrize(
    ("messages", "place", "setting", "value"),
    [
        ((ASK, CALL, FOUND, ASK, DONE), 3, "allow_user_turn_after_result", True),
        ((ASK, REMIND, CALL, FOUND, DONE), 1, "allow_system_turns_midway", True),
        ((ASK, CALL, FOUND, REMIND, DONE), 3, "allow_system_turns_midway", True),
        ((ASK, DONE, REMIND, ASK, DONE), 2, "allow_system_turns_midway", True),
        ((REMIND, DONE, ASK, DONE), 1, "opening_assistant_turn", "keep"),
        ((ASK, CALL), 1, "allow_final_call", True),
        ((ASK, TWO), 1, "allow_final_call", True),
        ((ASK, CALL, FOUND), 2, "allow_dangling_call", True),
        ((ASK, ASK, DONE), 1, "allow_consecutive_user_turns", True),
    ],
)
def test_structure_reason_names_the_place_and_the_setting_that_keeps_the_run(
    messages: tuple[Message, ...], place: int, setting: str, value: object
) -> None:
    run = trajectory(*messages)
    assert f"message {place}" in reason_of(run)
    assert f"verification.{setting}" in reason_of(run)
    assert reason_of(run, VerificationSettings.model_validate({setting: value})) == ""


@pytest.mark.parametrize(
    "messages",
    [
        (ASK, DONE, DONE),
        (ASK, CALL, FOUND, FOUND, DONE),
        (ASK, says(" ")),
        (ASK, CALL, ASK, DONE),
        (ASK, TWO, FOUND, DONE),
    ],
)
def test_structure_reason_without_a_setting_names_the_place(messages: tuple[Message, ...]) -> None:
    assert "message " in reason_of(trajectory(*messages))
    assert "verification." not in reason_of(trajectory(*messages))


def test_structure_system_turn_midway_hides_no_fault_around_it() -> None:
    settings = VerificationSettings(allow_system_turns_midway=True)
    assert "an assistant turn after an assistant turn" in reason_of(trajectory(ASK, DONE, REMIND, DONE), settings)
    assert "no result" in reason_of(trajectory(ASK, CALL, REMIND, FOUND, DONE), settings)
    assert "ends in a system turn" in reason_of(trajectory(ASK, DONE, REMIND), settings)


def test_structure_opening_greeting_without_a_system_turn_can_only_be_dropped() -> None:
    run = trajectory(DONE, ASK, DONE)
    for kept in ("refuse", "keep"):
        reason = reason_of(run, VerificationSettings.model_validate({"opening_assistant_turn": kept}))
        assert "drop removes the turn" in reason
        assert "keep keeps" not in reason


def test_structure_agents_that_log_consecutive_user_turns_are_let_through_by_a_setting() -> None:
    settings = VerificationSettings(allow_consecutive_user_turns=True)
    assert check_structure(trajectory(ASK, ASK, DONE), settings=settings) is None


def test_structure_consecutive_system_turns_are_let_through_by_a_setting_that_the_reason_names() -> None:
    run = trajectory(system("Be brief."), system("Speak English."), ASK, DONE)
    violation = check_structure(run, settings=STRICT)
    assert violation is not None
    assert (violation.fault, "allow_consecutive_system_turns" in violation.reason) == (Fault.ILLEGAL_TRANSITION, True)
    settings = VerificationSettings(allow_consecutive_system_turns=True)
    assert check_structure(run, settings=settings) is None
    assert check_structure(trajectory(ASK, system("Be rude."), DONE), settings=settings) is not None


def test_structure_runs_that_end_in_a_tool_turn_are_let_through_by_a_setting() -> None:
    settings = VerificationSettings(allow_dangling_call=True)
    assert check_structure(trajectory(ASK, CALL, FOUND), settings=settings) is None
    interrupted = trajectory(ASK, CALL, FOUND, ASK, CALL, FOUND)
    assert "allow_user_turn_after_result" in reason_of(interrupted, settings)
    assert reason_of(interrupted, settings.model_copy(update={"allow_user_turn_after_result": True})) == ""
    assert check_structure(trajectory(ASK, CALL), settings=settings) is not None


def test_structure_call_of_a_tool_that_the_row_did_not_offer_is_refused() -> None:
    run = trajectory(ASK, CALL, FOUND, DONE, unoffered_tools=("find",))
    violation = check_structure(run, settings=STRICT)
    assert violation is not None
    assert (violation.rule, violation.fault, violation.quoted) == (Rule.STRUCTURE, Fault.UNOFFERED_TOOL, ("find",))
    assert check_structure(run, settings=VerificationSettings(allow_unoffered_tools=True)) is None


def test_structure_anthropic_user_turn_may_add_text_to_its_results() -> None:
    run = trajectory(ASK, CALL, FOUND, ASK, DONE)
    anthropic = msgspec.structs.replace(run, source=msgspec.structs.replace(run.source, format="anthropic"))
    assert reason_of(anthropic) == ""
    assert "allow_user_turn_after_result" in reason_of(run)
