from __future__ import annotations

import json

import pytest

from toolft_pipeline.settings import Grounded, GroundingSettings
from toolft_pipeline.trajectories.record import Message
from toolft_pipeline.verification.rules.grounding import check_grounding
from toolft_pipeline.verification.rules.state_grounding import check_backend_values, ungrounded_values
from toolft_pipeline.verification.rules.verdict import Fault
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


def test_grounding_numbers_of_the_system_prompt_the_calls_and_a_list_are_grounded() -> None:
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


def test_grounding_choice_that_a_record_holds_is_not_named_by_the_user() -> None:
    """The user names the choice in another language than the catalog's, and a record holds another one."""
    shown = (
        calls(("a", "get_stock", {"sku": "kettle"})),
        result("a", "get_stock", '{"sku":"kettle","warehouse":"east"}'),
    )
    reserved = calls(("b", "reserve", {"sku": "kettle", "warehouse": "north"}))
    assert fault(user("Zeig kettle."), *shown, says("kettle"), user("Reservier sie im Norden."), reserved) is None
    asked = user("Reserve the kettle in east.")
    assert fault(user("Zeig kettle."), *shown, says("kettle"), asked, reserved) is Fault.UNGROUNDED_CHOICE


def test_grounding_rows_of_several_pages_are_counted_together() -> None:
    totals = ([220, 940, 160, 740], [1240, 150])
    pages = [json.dumps({"orders": [{"order": f"O-67{n}", "total": n} for n in page]}) for page in totals]
    read = [part for page in pages for part in (calls(("a", "list", {})), result("a", "list", page))]
    assert fault(user("How many orders are there?"), *read, says("There are 6 orders.")) is None
    assert fault(user("How many orders are there?"), *read, says("There are 9 orders.")) is Fault.UNGROUNDED_ANSWER


@pytest.mark.parametrize("name", ["cursor", "page_token", "pageToken", "next_cursor"])
def test_grounding_cursor_that_no_page_gave_is_caught(name: str) -> None:
    first = calls(("a", "list", {})), result("a", "list", '{"rows":["x"],"next":"p4"}')
    second = calls(("b", "list", {name: "p4"}))
    assert fault(user("List all."), *first, second) is None
    assert fault(user("List all."), second, *first) is Fault.UNREAD_VALUE


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
    return check_backend_values(ungrounded_values(messages, schemas=SCHEMAS), state=STATE) is not None


@pytest.mark.parametrize(
    "message",
    [
        calls(("a", "block", {"customer": "C-1420"})),
        calls(("a", "reserve", {"sku": "keen carpet"})),
        says("That is Hilda Yorke, silver."),
    ],
)
def test_backend_name_that_only_the_backend_knew_is_caught_unless_a_result_has_it(message: Message) -> None:
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
def test_backend_words_that_anybody_may_choose_are_kept(message: Message) -> None:
    assert not unread(user("Who is it?"), message)


def test_backend_statement_of_what_stands_beside_an_id_is_caught_unless_a_result_has_it() -> None:
    known = user("Block C-1420.")
    assert unread(known, says("Sorry, C-1420 is silver."))
    assert not unread(known, says("Is C-1420 silver?"))
    assert unread(known, says("Sorry, C-1420 is not gold."))
    assert not unread(known, says("Sorry, C-1420 is blue."))
    assert not unread(known, calls(("a", "tier", {})), result("a", "tier", '"silver"'), says("C-1420 is silver."))
    assert not unread(
        known, calls(("a", "list", {"tier": "silver"})), result("a", "list", "[]"), says("C-1420: silver.")
    )


TRADES = {
    "place_order": {
        "description": "Place an order for a stock.",
        "properties": {
            "order_type": {"type": "string", "description": "Type of the order (Buy/Sell)."},
            "venue": {"type": "string", "default": "Main Market"},
            "desk": {"type": "string", "examples": ["West Desk"]},
            "account": {"type": "string", "const": "Cash Account"},
            "book": {"type": "string", "title": "Either Day Book or Night Book"},
        },
    }
}
ORDERS = json.dumps(
    {
        "orders": [
            {"id": "o-1", "order_type": "Buy", "venue": "Main Market", "desk": "West Desk", "account": "Cash Account",
             "book": "Night Book", "owner": "Hilda Yorke"}
        ]
    }
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("order_type", "Buy"),
        ("venue", "Main Market"),
        ("desk", "West Desk"),
        ("account", "Cash Account"),
        ("book", "Night Book"),
    ],
)
def test_backend_value_that_the_catalog_names_is_grounded(name: str, value: str) -> None:
    messages = (user("Get me ten of them."), calls(("a", "place_order", {name: value})), says(f"Done: {value} it is."))
    assert check_backend_values(ungrounded_values(messages, schemas=TRADES), state=ORDERS) is None
    assert check_backend_values(ungrounded_values(messages, schemas={}), state=ORDERS) is not None


def test_backend_value_that_the_catalog_does_not_name_is_caught_beside_one_that_it_does() -> None:
    messages = (user("Get me ten."), calls(("a", "place_order", {"order_type": "Buy", "owner": "Hilda Yorke"})))
    found = check_backend_values(ungrounded_values(messages, schemas=TRADES), state=ORDERS)
    assert found is not None
    assert "'Hilda Yorke'" in found.reason
    assert found.reason.endswith("verification.grounding.backend_values: accept keeps such runs")


def test_backend_statement_on_a_record_is_no_less_one_because_the_catalog_names_the_word() -> None:
    tiers = {"list": {"properties": {"tier": {"enum": ["silver", "gold"], "description": "silver or gold"}}}}
    messages = (user("Block C-1420."), says("Sorry, C-1420 is silver."))
    assert check_backend_values(ungrounded_values(messages, schemas=tiers), state=STATE) is not None


def test_grounding_numbers_and_ids_that_the_catalog_says_are_grounded() -> None:
    limits = {"send": {"description": "Sends to at most 25 people, as usr-07.", "properties": {"n": {"default": 4711}}}}
    for answer in ("At most 25.", "At most 4,711.", "Shall I take usr-07?"):
        assert check_grounding((user("How many?"), says(answer)), schemas=limits) is None
        assert check_grounding((user("How many?"), says(answer)), schemas={}) is not None


LONG = 1234567890123456788


@pytest.mark.parametrize(
    ("given", "said", "grounded"),
    [
        (LONG, str(LONG), True),
        (LONG, str(LONG + 1), False),
        (str(LONG), str(LONG + 1), False),
        (9007199254740993, "9007199254740992", False),
        ("007", "007", True),
        ("007", "7", False),
        (7, "0007", False),
        ("1" * 400, "1" * 399 + "2", False),
        (1200.5, "1,200.50", True),
        (1.1, "1.10", True),
        (0.1, "0.10000000000000000001", False),
    ],
)
def test_grounding_ids_are_compared_digit_by_digit(given: object, said: str, grounded: bool) -> None:
    found = calls(("a", "find", {})), result("a", "find", json.dumps({"id": given}))
    assert (fault(user("Which?"), *found, says(f"It is {said}.")) is None) is grounded


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("ids", "That is C-77."),
        ("ids", "That is 1234567890123456789."),
        ("numbers", "It has 17."),
        ("dates", "It came 2026-10-05."),
        ("dates", "It came at 10:30."),
    ],
)
def test_grounding_each_kind_has_a_setting_of_its_own_which_its_reason_names(kind: str, answer: str) -> None:
    messages = (ASKED, says(answer))
    found = check_grounding(messages, schemas={})
    assert found is not None
    assert found.reason.endswith(f"verification.grounding.{kind}: accept keeps such runs")
    others = {each.value: "accept" for each in Grounded if each.value != kind}
    assert check_grounding(messages, schemas={}, settings=GroundingSettings(**others)) == found
    assert check_grounding(messages, schemas={}, settings=GroundingSettings(**{kind: "accept"})) is None


def test_grounding_choice_has_its_own_setting() -> None:
    call = calls(("a", "reserve", {"sku": "pan", "warehouse": "east"}))
    talk = (user("A pan from the north."), call, result("a", "reserve", "{}"), says("Done."))
    found = check_grounding(talk, schemas=SCHEMAS)
    assert found is not None
    assert "verification.grounding.choices" in found.reason
    assert check_grounding(talk, schemas=SCHEMAS, settings=GroundingSettings(choices="accept")) is None


def test_grounding_settings_true_and_false_mean_every_kind() -> None:
    assert GroundingSettings.model_validate(True) == GroundingSettings()
    nothing = GroundingSettings.model_validate(False)
    assert not any(nothing.refuses(kind) for kind in Grounded)
    assert check_grounding((ASKED, says("It has 17 in C-77.")), schemas={}, settings=nothing) is None
