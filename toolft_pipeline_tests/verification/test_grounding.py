from __future__ import annotations

import json

import pytest

from toolft_pipeline.trajectories.record import Message
from toolft_pipeline.verification.grounding import check_grounding
from toolft_pipeline.verification.unread import check_unread, untold
from toolft_pipeline.verification.verdict import Fault
from toolft_pipeline_tests.conversations import calls, result, says, system, user

SCHEMAS = {
    "list_invoices": {"properties": {"customer": {"type": "string"}, "status": {"enum": ["paid", "unpaid", "void"]}}},
    "reserve": {"properties": {"sku": {"type": "string"}, "warehouse": {"enum": ["north", "east"]}}},
}
STATE = json.dumps(
    {
        "customers": [
            {"customer": "C-1420", "name": "Hilda Yorke", "tier": "silver", "orders": 5},
            {"customer": "C-1421", "tier": "gold"},
        ],
        "products": [{"sku": "keen carpet", "colour": "blue"}],
    }
)


def fault(*messages: Message) -> Fault | None:
    found = check_grounding(messages, schemas=SCHEMAS)
    return None if found is None else found.fault


def found_by(mail: str = "ana@b.test") -> tuple[Message, Message]:
    return calls(("a", "find", {"email": mail})), result("a", "find", '{"customer":"C-1420","orders":5}')


ASKED = user("How many orders has ana@b.test?")


def test_grounding_answer_that_tells_a_result_is_kept() -> None:
    assert fault(ASKED, *found_by(), says("C-1420 has 5 orders.")) is None


@pytest.mark.parametrize("answer", ["It has 5 orders.", "That is C-1420."])
def test_grounding_answer_without_the_read_it_rests_on_is_caught(answer: str) -> None:
    assert fault(ASKED, says(answer)) is Fault.UNGROUNDED_ANSWER


def test_grounding_answer_before_the_result_is_caught() -> None:
    assert fault(ASKED, says("5"), user("Sure?"), *found_by(), says("Yes.")) is Fault.UNGROUNDED_ANSWER


def test_grounding_statement_on_an_id_that_no_call_asked_about_is_caught() -> None:
    assert fault(ASKED, says("Sorry, nobody has ana@b.test.")) is Fault.UNASKED_ANSWER


def test_grounding_question_about_an_id_is_kept() -> None:
    assert fault(user("Assign T-14."), says("Gladly. Who should have T-14?")) is None


def test_grounding_statement_before_the_call_that_asks_is_kept() -> None:
    assert fault(ASKED, says("I will look for ana@b.test."), user("Do."), *found_by(), says("C-1420.")) is None


def test_grounding_numbers_of_the_system_prompt_the_calls_and_a_list_are_told() -> None:
    talk = (system("At most 20 percent."), user("A discount."), calls(("a", "grant", {"percent": 12})))
    assert fault(*talk, result("a", "grant", "{}"), says("1. 12 of 20 percent.\n2. Done.")) is None


def reserved(asked: str, warehouse: str) -> Fault | None:
    call = calls(("a", "reserve", {"sku": "pan", "warehouse": warehouse}))
    return fault(user(asked), call, result("a", "reserve", "{}"), says("Done."))


def test_grounding_choice_that_nobody_named_against_one_that_was_is_caught() -> None:
    assert reserved("A pan from the north.", "east") is Fault.UNGROUNDED_CHOICE
    assert reserved("A pan from the north, or else from the east.", "east") is None
    assert reserved("A pan, please.", "east") is None


def test_grounding_choice_that_a_refusal_named_is_kept() -> None:
    first = calls(("a", "reserve", {"sku": "pan", "warehouse": "north"}))
    second = calls(("a", "reserve", {"sku": "pan", "warehouse": "east"}))
    refusal = result("a", "reserve", "Error: none left; use east")
    talk = (user("From the north."), first, refusal, second, result("a", "reserve", "{}"), says("Done."))
    assert fault(*talk) is None


def test_grounding_choice_that_is_a_form_of_the_named_word_is_kept() -> None:
    call = calls(("a", "list_invoices", {"status": "unpaid"}))
    assert fault(user("What is not paid?"), call, result("a", "list_invoices", "[]"), says("None.")) is None


def test_grounding_reason_names_message_value_and_setting() -> None:
    found = check_grounding((ASKED, says("It has 17.")), schemas={})
    assert found is not None
    assert found.reason.startswith("message 1 says '17'")
    assert "verification.grounding" in found.reason


def test_grounding_arguments_that_are_no_json_are_left_to_the_catalog_rule() -> None:
    assert fault(user("x"), calls(("a", "reserve", "{")), result("a", "reserve", "{}"), says("Done.")) is None


def unread(*messages: Message) -> bool:
    return check_unread(untold(messages, schemas=SCHEMAS), state=STATE) is not None


@pytest.mark.parametrize(
    "message",
    [
        calls(("a", "block", {"customer": "C-1420"})),
        calls(("a", "reserve", {"sku": "keen carpet"})),
        says("That is Hilda Yorke, silver."),
    ],
)
def test_unread_name_that_only_the_backend_knew_is_caught_unless_it_was_told(message: Message) -> None:
    assert unread(user("Who is it?"), message)
    assert not unread(user("Who is it? hilda yorke, C-1420, or keen carpet"), message)
    assert not unread(user("Who is it?"), calls(("b", "find", {})), result("b", "find", STATE), message)


@pytest.mark.parametrize(
    "message",
    [
        says("Silver, with 5."),
        calls(("a", "note", {"text": "a text of its own", "count": 5, "tier": "silver"})),
        says("Frida Greco."),
    ],
)
def test_unread_words_that_anybody_may_choose_are_kept(message: Message) -> None:
    assert not unread(user("Who is it?"), message)


def test_unread_statement_of_what_stands_beside_an_id_is_caught_unless_it_was_told() -> None:
    known = user("Block C-1420.")
    assert unread(known, says("Sorry, C-1420 is silver."))
    assert not unread(known, says("Is C-1420 silver?"))
    assert unread(known, says("Sorry, C-1420 is not gold."))
    assert not unread(known, says("Sorry, C-1420 is blue."))
    assert not unread(known, calls(("a", "tier", {})), result("a", "tier", '"silver"'), says("C-1420 is silver."))
    assert not unread(
        known, calls(("a", "list", {"tier": "silver"})), result("a", "list", "[]"), says("C-1420: silver.")
    )
