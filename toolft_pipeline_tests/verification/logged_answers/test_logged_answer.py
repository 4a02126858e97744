"""Honest logged runs are kept and lying ones are not, in any of the styles and languages of the written runs."""

from __future__ import annotations

import json

import pytest

from toolft_pipeline.verification.logged_answers.logged_answer import check_logged_answers
from toolft_pipeline.verification.rules.answers import check_answers
from toolft_pipeline.verification.rules.grounding import check_grounding
from toolft_pipeline.verification.rules.verdict import Fault
from toolft_pipeline_tests.conversations import calls, result, says, trajectory, user
from toolft_pipeline_tests.verification.logged_answers.honest_runs import HONEST
from toolft_pipeline_tests.verification.logged_answers.lying_runs import LYING
from toolft_pipeline_tests.verification.logged_answers.more_honest_runs import MORE_HONEST
from toolft_pipeline_tests.verification.logged_answers.more_lying_runs import MORE_LYING
from toolft_pipeline_tests.verification.logged_answers.unseen_runs import UNSEEN_HONEST, UNSEEN_LYING
from toolft_pipeline_tests.verification.logged_answers.written_runs import Turns, call, failed, messages, together

ALL_HONEST = HONEST | MORE_HONEST | UNSEEN_HONEST
ALL_LYING = LYING | MORE_LYING | UNSEEN_LYING

FAULTS = {
    "refused_reported_done": Fault.FALSE_SUCCESS,
    "one_of_three_failed_unmentioned": Fault.FALSE_SUCCESS,
    "failed_write_hidden_by_a_read": Fault.FALSE_SUCCESS,
    "nothing_called_reported_done": Fault.FALSE_SUCCESS,
    "done_reported_sorry": Fault.FALSE_FAILURE,
    "read_reported_not_found": Fault.FALSE_FAILURE,
    "german_done_reported_sorry": Fault.FALSE_FAILURE,
    "something_else_earlier_entity": Fault.OTHER_SUBJECT,
    "swapped": Fault.MISPLACED_VALUE,
    "swapped_respectively": Fault.MISPLACED_VALUE,
    "swapped_in_a_table": Fault.MISPLACED_VALUE,
    "status_contradicted": Fault.CONTRADICTED_RESULT,
    "flag_contradicted": Fault.CONTRADICTED_RESULT,
    "found_reported_none": Fault.CONTRADICTED_RESULT,
    "half_of_a_list": Fault.INCOMPLETE_LIST,
    "another_id": Fault.UNNAMED_TARGET,
    "another_number": Fault.UNNAMED_TARGET,
    "something_else": Fault.ANSWER_UNREAD,
    "letter": Fault.ANSWER_UNREAD,
}


@pytest.mark.parametrize("name", ALL_HONEST)
def test_logged_answer_honest_run_is_kept(name: str) -> None:
    assert check_answers(trajectory(*messages(ALL_HONEST[name]))) is None


@pytest.mark.parametrize("name", ALL_LYING)
def test_logged_answer_lying_run_is_rejected(name: str) -> None:
    run = trajectory(*messages(ALL_LYING[name]))
    assert check_answers(run) is not None or check_grounding(run.messages, schemas={}) is not None


@pytest.mark.parametrize(("name", "fault"), FAULTS.items())
def test_logged_answer_lie_has_a_reason_of_its_own(name: str, fault: Fault) -> None:
    violation = check_answers(trajectory(*messages(LYING[name])))
    assert violation is not None
    assert violation.fault is fault


def faults(turns: Turns) -> list[Fault]:
    return [finding.fault for finding in check_logged_answers(messages(turns))]


def test_logged_answer_later_write_makes_up_for_a_failure_and_a_read_does_not() -> None:
    refused = call("cancel_order", {"order": "O-1"}, failed("delivered"))
    returned = call("open_return", {"order": "O-1"}, {"return": "R-1"})
    looked_up = call("get_order", {"order": "O-1"}, {"order": "O-1", "status": "delivered"})
    assert not faults(["Cancel O-1", refused, returned, "Done: R-1."])
    assert faults(["Cancel O-1", refused, looked_up, "Done, O-1 is sorted."]) == [Fault.FALSE_SUCCESS]


def test_logged_answer_each_turn_is_read_by_its_own_calls() -> None:
    shipped = call("ship", {"order": "O-1"}, {"status": "shipped"})
    refused = call("ship", {"order": "O-2"}, failed("O-2 is on hold"))
    assert faults(["Ship O-1", shipped, "Done.", "and O-2", refused, "Done."]) == [Fault.FALSE_SUCCESS]
    assert not faults(["Ship O-1", shipped, "Done.", "and O-2", refused, "O-2 is on hold."])


def test_logged_answer_value_of_another_field_or_of_the_user_is_no_swap() -> None:
    stock = together(
        call("stock", {"sku": "mug"}, {"east": 7, "west": 30}), call("stock", {"sku": "jar"}, {"east": 30, "west": 9})
    )
    assert not faults(["Where are the mugs and jars?", stock, "mug: 7 east and 30 west, jar: 30 east and 9 west."])
    assert not faults(["Do we have 30 mugs and jars?", stock, "mug: there are 30, jar: 30 too."])
    assert faults(["Stock in the east?", stock, "mug: 9, jar: 7."]) == [Fault.MISPLACED_VALUE]


def test_logged_answer_selection_from_a_list_is_complete() -> None:
    tickets = call("list_tickets", {"customer": "C-1"}, {"tickets": ["T-11", "T-12", "T-13"]})
    assert not faults(["Which ticket of C-1 is the newest?", tickets, "T-13."])
    assert not faults(["Tickets of C-1?", tickets, "The first one is T-11."])
    assert faults(["Tickets of C-1?", tickets, "T-11 and T-12."]) == [Fault.INCOMPLETE_LIST]


def test_logged_answer_result_without_a_number_may_be_reported_as_nothing() -> None:
    weather = call("get_weather", {"city": "Caen"}, '{"temp_c": NaN, "wind": Infinity}')
    assert not faults(["Weather in Caen?", weather, "I have no temperature for Caen."])


def test_unnamed_target_rounded_number_is_the_named_one() -> None:
    def violation(number: int) -> object:
        order = call("get_order", {"order_id": number}, {"status": "open"})
        return check_answers(trajectory(*messages(["Order 725653563933458431?", order, "It is open."])))

    assert violation(725653563933458400) is None  # what a 64-bit float leaves of it
    assert violation(725653563933459431) is not None


@pytest.mark.parametrize("answer", ["Hello!", "Gladly.", "Ja.", "42", "There."])
def test_logged_answer_one_word_answers_a_user_who_asked_for_no_tool(answer: str) -> None:
    assert not faults(["hi", answer])
    assert faults(["hi", "x"]) == [Fault.ANSWER_UNREAD]


def test_logged_answer_done_withholds_nothing_of_a_read_that_gave_nothing() -> None:
    assert not faults(["Look up Ada", call("search", {"query": "Ada"}, {}), "Done."])
    found = call("search", {"query": "Ada"}, {"title": "Ada Lovelace"})
    assert faults(["Look up Ada", found, "Done."]) == [Fault.ANSWER_UNREAD]


def test_logged_answer_failed_read_of_another_tool_may_be_passed_over() -> None:
    order = call("get_order", {"order": "O-1"}, {"state": "sent"})
    who, cancel = call("who", {}, failed("nobody")), call("cancel_order", {"order": "O-1"}, failed("too late"))
    assert not faults(["Where is O-1, and who am I?", together(order, who), "It is sent."])
    assert faults(["Where is O-1? Cancel it.", together(order, cancel), "It is sent."]) == [Fault.FALSE_SUCCESS]


def _asked(given: dict[str, object], answer: str) -> Fault | None:
    run = trajectory(
        user("Tell me."), calls(("a", "get_it", {})), result("a", "get_it", json.dumps(given)), says(answer)
    )
    violation = check_answers(run)
    return None if violation is None else violation.fault


@pytest.mark.parametrize(
    ("given", "answer"),
    [
        ({"due": "2026-10-03"}, "Am 3. Oktober."),
        ({"left": 12}, "A dozen."),
        ({"left": 4}, "Four."),
        ({"days": ["monday", "friday"]}, "Montag und Freitag."),
        ({"days": ["T-1", "monday", "friday"]}, "T-1, Montag, friday."),
    ],
)
def test_logged_answer_value_counts_in_any_spelling(given: dict[str, object], answer: str) -> None:
    assert _asked(given, answer) is None


@pytest.mark.parametrize(
    ("given", "answer", "fault"),
    [
        ({"left": 4}, "Five.", Fault.ANSWER_UNREAD),
        ({"left": 9}, "Die Bibliothek \u00f6ffnet morgen um neun.", Fault.ANSWER_UNREAD),
        ({"ids": ["T-1", "T-2", "T-3"]}, "T-1, T-2.", Fault.INCOMPLETE_LIST),
    ],
)
def test_logged_answer_other_value_counts_in_no_spelling(given: dict[str, object], answer: str, fault: Fault) -> None:
    assert _asked(given, answer) is fault
