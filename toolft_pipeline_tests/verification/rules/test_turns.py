"""Turns that loggers split, cut or wrote without ids, put together where only one reading fits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from toolft_pipeline.settings import VerificationSettings
from toolft_pipeline.trajectories.record import Message, Role
from toolft_pipeline.verification.rules.structure import check_structure
from toolft_pipeline.verification.rules.turns import normalize_turns
from toolft_pipeline_tests.conversations import calls, result, says, system, trajectory, user

STRICT = VerificationSettings()
ASK, DONE = user("Where is it?"), says("There.")
LYON, NICE = ("", "weather", {"city": "Lyon"}), ("", "weather", {"city": "Nice"})
TIME = ("", "time", {})


def unnamed(text: str, id_: str | None = None) -> Message:
    return replace(result("", "x", text), name=None, tool_call_id=id_)


def named(name: str, text: str) -> Message:
    return replace(result("", name, text), tool_call_id=None)


def whole(*messages: Message, **settings: object) -> tuple[Message, ...]:
    chosen = VerificationSettings.model_validate(settings)
    run = normalize_turns(trajectory(*messages), settings=chosen)
    violation = check_structure(run, settings=chosen)
    assert violation is None, violation.reason
    return run.messages


def answered(messages: tuple[Message, ...]) -> dict[str, str]:
    """The text of the result of each call, by the call's name and arguments."""
    texts = {message.tool_call_id: message.text for message in messages if message.role is Role.TOOL}
    return {f"{call.name} {call.arguments_json}": texts[call.id] for one in messages for call in one.tool_calls}


def test_turns_that_are_whole_are_the_same_object() -> None:
    run = trajectory(ASK, calls(("a", "time", {})), result("a", "time", "12:40"), DONE)
    assert normalize_turns(run, settings=STRICT) is run


@pytest.mark.parametrize(
    ("asked", "results"),
    [
        ((LYON,), (unnamed("1"),)),
        ((LYON,), (named("weather", "1"),)),
        ((LYON, NICE), (unnamed("1"), unnamed("2"))),
        ((LYON, NICE), (named("weather", "1"), named("weather", "2"))),
        ((LYON, TIME, NICE), (named("time", "3"), named("weather", "1"), named("weather", "2"))),
        ((LYON, TIME), (unnamed("1", "r1"), unnamed("3", "r2"))),
        ((("a", "weather", {"city": "Lyon"}), TIME), (unnamed("3"), unnamed("1", "a"))),
        ((("a", "weather", {"city": "Lyon"}), ("b", "time", {})), (unnamed("1"), unnamed("3"))),
    ],
)
def test_turns_without_ids_are_paired_by_order_and_name(
    asked: tuple[tuple[str, str, dict[str, str]], ...], results: tuple[Message, ...]
) -> None:
    found = answered(whole(ASK, calls(*asked), *results, DONE))
    expected = {'weather {"city": "Lyon"}': "1", 'weather {"city": "Nice"}': "2", "time {}": "3"}
    assert found == {call: text for call, text in expected.items() if call in found}
    assert len(found) == len(asked)


@pytest.mark.parametrize(
    "results",
    [
        (unnamed("1"),),
        (named("weather", "1"), named("weather", "2")),
        (named("time", "1"), unnamed("2")),
        (unnamed("1"), unnamed("2"), unnamed("3")),
    ],
)
def test_turns_without_ids_that_pair_in_several_ways_or_none_are_refused(results: tuple[Message, ...]) -> None:
    run = normalize_turns(trajectory(ASK, calls(LYON, TIME), *results, DONE), settings=STRICT)
    violation = check_structure(run, settings=STRICT)
    assert violation is not None
    assert "tool_call_id" in violation.reason


def test_turns_ids_of_later_turns_are_their_own() -> None:
    messages = whole(ASK, calls(TIME), unnamed("1"), calls(TIME), unnamed("2"), DONE)
    ids = [call.id for message in messages for call in message.tool_calls]
    assert len(set(ids)) == 2
    assert [message.tool_call_id for message in messages if message.role is Role.TOOL] == ids


def test_turns_parallel_calls_that_stand_in_several_messages_are_one_turn() -> None:
    first, second, third = (calls((id_, "time", {})) for id_ in "abc")
    first = replace(first, content=says("I look.").content)
    results = tuple(result(id_, "time", id_) for id_ in "abc")
    messages = whole(ASK, first, second, third, *results, DONE)
    assert [message.role for message in messages] == ["user", "assistant", "tool", "tool", "tool", "assistant"]
    assert messages[1].text == "I look."
    assert [call.id for call in messages[1].tool_calls] == ["a", "b", "c"]


@pytest.mark.parametrize("second", [calls(("b", "time", {}), text="And now."), says("I look.")])
def test_turns_an_assistant_message_that_says_more_is_not_joined(second: Message) -> None:
    messages = (ASK, calls(("a", "time", {})), second, result("a", "time", "1"), DONE)
    run = trajectory(*messages)
    assert normalize_turns(run, settings=STRICT) is run
    assert check_structure(run, settings=STRICT) is not None


def test_turns_trailing_user_turns_are_cut_off_by_a_setting() -> None:
    assert whole(ASK, DONE, user("Thanks!"), cut_trailing_user_turns=True) == (ASK, DONE)
    assert whole(ASK, DONE, user("Thanks!"), user("Bye"), cut_trailing_user_turns=True) == (ASK, DONE)
    unanswered = trajectory(ASK)
    settings = VerificationSettings(cut_trailing_user_turns=True)
    assert normalize_turns(unanswered, settings=settings) is unanswered


def test_turns_opening_greeting_is_left_out_by_a_setting() -> None:
    assert whole(says("Hello!"), ASK, DONE, opening_assistant_turn="drop") == (ASK, DONE)
    kept = (system("Be brief."), says("Hello!"), ASK, DONE)
    assert whole(*kept, opening_assistant_turn="drop") == (kept[0], ASK, DONE)
    assert whole(*kept, opening_assistant_turn="keep") == kept


def test_turns_final_calls_without_ids_are_kept_by_a_setting() -> None:
    messages = whole(ASK, calls(LYON, TIME), allow_final_call=True)
    assert all(call.id for call in messages[-1].tool_calls)


_ids = st.sampled_from(["", "a", "b"])
_message = st.one_of(
    st.just(ASK),
    st.just(DONE),
    st.just(system("x")),
    st.lists(st.tuples(_ids, st.sampled_from(["time", "weather"]), st.just({})), min_size=1, max_size=3).map(
        lambda asked: calls(*asked)
    ),
    st.builds(result, _ids, st.sampled_from(["time", "weather"]), st.just("1")),
    st.builds(unnamed, st.just("1"), _ids),
)


@given(messages=st.lists(_message, min_size=1, max_size=8), cut=st.booleans())
def test_turns_lose_and_invent_nothing(messages: list[Message], cut: bool) -> None:
    settings = VerificationSettings(cut_trailing_user_turns=cut)
    run = normalize_turns(trajectory(*messages), settings=settings)
    made = [(call.name, call.arguments_json) for one in run.messages for call in one.tool_calls]
    assert made == [(call.name, call.arguments_json) for one in messages for call in one.tool_calls]
    heard = [one.text for one in messages if one.role in (Role.TOOL, Role.ASSISTANT) and one.text]
    assert [one.text for one in run.messages if one.role in (Role.TOOL, Role.ASSISTANT) and one.text] == heard
    kept = [message for message in messages if all(call.id for call in message.tool_calls)]
    assert normalize_turns(run, settings=settings).messages == run.messages or kept != messages


def test_calls_marked_as_context_are_not_joined_to_a_trained_turn() -> None:
    first, second = calls(("a", "time", {})), calls(("b", "weather", {"city": "Lyon"}))
    results = (result("a", "time", "12:40"), result("b", "weather", "sun"))
    joined = normalize_turns(trajectory(ASK, first, second, *results, DONE), settings=STRICT)
    assert len(joined.messages) == 5
    marked = trajectory(ASK, replace(first, train=False), second, *results, DONE)
    assert normalize_turns(marked, settings=STRICT).messages == marked.messages
