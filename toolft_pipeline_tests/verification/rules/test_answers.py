"""What the settings do with answers that lie or only half convince, and with calls on another id than the named one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.settings import LoggedAnswerSettings, VerificationSettings
from toolft_pipeline.trajectories.record import Trajectory
from toolft_pipeline.verification.answers.polarity import AnswerForms
from toolft_pipeline.verification.cache.verdict_cache import context_digest
from toolft_pipeline.verification.rules.answers import check_answers
from toolft_pipeline.verification.rules.rule_set import RuleSet, check_text, load_rules
from toolft_pipeline.verification.rules.verdict import Fault
from toolft_pipeline_tests.conftest import REPOSITORY
from toolft_pipeline_tests.conversations import calls, result, says, trajectory, user

ASSISTANT = REPOSITORY / "data" / "assistant"


def sent(answer: str, *, to: str = "ada@example.com", fails: bool = False) -> Trajectory:
    arguments = {"to": to, "subject": "Hi", "body": "Lunch?"}
    given = "Error: no contact has the address" if fails else '{"sent":true,"id":"m1"}'
    asked = user('Mail "Lunch?" with the subject "Hi" to ada@example.com')
    return trajectory(asked, calls(("a", "send_email", arguments)), result("a", "send_email", given), says(answer))


def rules(**answers: str) -> RuleSet:
    settings = load_agent(ASSISTANT / "agent.yaml")
    limits = settings.verification.model_copy(update={"answers": LoggedAnswerSettings.model_validate(answers)})
    return load_rules(
        catalog=ASSISTANT / "catalog.json", settings=settings.model_copy(update={"verification": limits}), key=b"key"
    )


@pytest.mark.parametrize(
    ("run", "setting", "fault"),
    [
        (sent("Done.", fails=True), "wrong", Fault.FALSE_SUCCESS),
        (sent("Blue is a colour."), "unread", Fault.ANSWER_UNREAD),
        (sent("The e-mail is sent.", to="ida@example.com"), "other_target", Fault.UNNAMED_TARGET),
    ],
    ids=["wrong", "unread", "other_target"],
)
def test_check_answers_setting_of_a_kind_keeps_it(run: Trajectory, setting: str, fault: Fault) -> None:
    violation = check_answers(run)
    assert violation is not None
    assert violation.fault is fault
    assert f"verification.answers.{setting}: accept" in violation.reason
    assert check_answers(run, settings=LoggedAnswerSettings.model_validate({setting: "accept"})) is None
    assert check_answers(run, settings=VerificationSettings.model_validate({"answers": False}).answers) is None


@pytest.mark.parametrize("unread", ["refuse", "accept"])
def test_check_text_unread_answer_is_counted_whatever_becomes_of_it(unread: str) -> None:
    found = check_text(sent("Blue is a colour."), rules=rules(unread=unread))
    assert (found.violation is None) == (unread == "accept")
    assert found.answer_unread
    assert not check_text(sent("The e-mail is sent."), rules=rules(unread=unread)).answer_unread


def test_check_text_golden_run_is_read_like_any_other() -> None:
    golden = sent("Done.", fails=True)
    golden = trajectory(*golden.messages, status="unknown", golden=True)
    found = check_text(golden, rules=rules()).violation
    assert found is not None
    assert found.fault is Fault.FALSE_SUCCESS


def test_check_answers_forms_of_an_agent_are_read() -> None:
    forms = AnswerForms(done=("on its merry way",), refused=("above my pay grade",))
    assert check_answers(sent("On its merry way!")) is not None
    assert check_answers(sent("On its merry way!"), forms=forms) is None
    assert check_answers(sent("That is above my pay grade.", fails=True)) is not None
    assert check_answers(sent("That is above my pay grade.", fails=True), forms=forms) is None
    lied = check_answers(sent("On its merry way!", fails=True), forms=forms)
    assert lied is not None
    assert lied.fault is Fault.FALSE_SUCCESS


def test_check_answers_error_forms_of_an_agent_are_failures() -> None:
    run = sent("Done.")
    failing = trajectory(*run.messages[:2], result("a", "send_email", "tool failed (3)"), run.messages[-1])
    assert check_answers(failing) is None
    found = check_answers(failing, error_forms=(r"tool failed \(\d+\)",))
    assert found is not None
    assert found.fault is Fault.FALSE_SUCCESS


def test_cached_verdicts_depend_on_the_forms_and_the_settings_of_answers() -> None:
    before = rules()
    other_forms = replace(before, context=replace(before.context, forms=AnswerForms(done=("on its merry way",))))
    digests = {context_digest(each, backend=None) for each in (before, other_forms, rules(unread="accept"))}
    assert len(digests) == 3
    assert context_digest(rules(), backend=None) in digests


def stock(tool: str, answer: str) -> Trajectory:
    asked = user("Please see to the cellar.")
    given = '{"bottles": 12, "label": "Barolo"}'
    return trajectory(asked, calls(("a", tool, {"room": "cellar"})), result("a", tool, given), says(answer))


@pytest.mark.parametrize(
    ("tool", "reads", "accepted"),
    [
        ("cellar", {}, True),  # no name and no catalog says that it only read: it may have been done
        ("cellar", {"cellar": True}, False),
        ("get_cellar", {}, False),
        ("get_cellar", {"get_cellar": False}, True),
    ],
)
def test_check_answers_the_catalog_outweighs_the_name_of_a_tool(
    tool: str, reads: dict[str, bool], accepted: bool
) -> None:
    assert (check_answers(stock(tool, "Done."), reads=reads) is None) == accepted


def test_check_text_takes_reads_from_the_catalog() -> None:
    loaded = rules()
    assert loaded.context.tools is not None
    said = sent("Done.")
    assert check_text(said, rules=loaded).violation is None
    loaded.context.tools.reads = {"send_email": True}
    violation = check_text(said, rules=loaded).violation
    assert violation is not None
    assert violation.fault is Fault.ANSWER_UNREAD
