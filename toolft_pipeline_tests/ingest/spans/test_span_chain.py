"""Joining model calls into a conversation, and tool spans to their calls."""

from __future__ import annotations

import pytest

from toolft_pipeline.ingest.parsing.rejects import UnsupportedError
from toolft_pipeline.ingest.spans.span import ModelCall, SpanKind, ToolRun, TraceSpan
from toolft_pipeline.ingest.spans.span_chain import DoesNotChainError, add_tool_results, join_model_calls
from toolft_pipeline.trajectories.record import Message, Part
from toolft_pipeline_tests.conversations import calls, result, says, user


def generation(*history: Message, answer: Message) -> ModelCall:
    return ModelCall(history=history, answer=(answer,))


def ran(name: str, text: str, *, call_id: str | None = None, arguments: str = "{}", failed: bool = False) -> TraceSpan:
    run = ToolRun(name=name, call_id=call_id, arguments_json=arguments, result=(Part(type="text", text=text),))
    return TraceSpan(span_id=text, kind=SpanKind.TOOL, tool=run, failed=failed)


def texts(messages: list[Message]) -> list[str]:
    return [message.text for message in messages]


def test_history_may_reformat_arguments_and_drop_reasoning() -> None:
    thought = Message(role=says("").role, reasoning="hm", tool_calls=calls(("c", "n", '{"a": 1, "b": 2}')).tool_calls)
    history = (user("hi"), calls(("c", "n", '{"b":2.0,"a":1.0}')), result("c", "n", "ok"))
    said = join_model_calls([generation(user("hi"), answer=thought), generation(*history, answer=says("done"))])
    assert texts(said) == ["hi", "", "ok", "done"]
    assert said[1].reasoning == "hm"
    assert said[1].tool_calls[0].arguments_json == '{"a": 1, "b": 2}'


@pytest.mark.parametrize(
    "later",
    [
        (user("hi"),),
        (user("hello"), says("yes"), user("more")),
        (user("hi"), says("no"), user("more")),
        (user("hi"), calls(("c", "n", {})), user("more")),
    ],
)
def test_history_that_differs_from_before_is_refused(later: tuple[Message, ...]) -> None:
    with pytest.raises(DoesNotChainError):
        join_model_calls([generation(user("hi"), answer=says("yes")), generation(*later, answer=says("end"))])


@pytest.mark.parametrize("other", [("c", "m", {"a": 1}), ("d", "n", {"a": 1}), ("c", "n", {"a": 2})])
def test_history_with_another_call_in_its_place_is_refused(other: tuple[str, str, dict[str, int]]) -> None:
    history = (user("hi"), calls(other), result(other[0], other[1], "ok"))
    with pytest.raises(DoesNotChainError):
        join_model_calls(
            [generation(user("hi"), answer=calls(("c", "n", {"a": 1}))), generation(*history, answer=says("end"))]
        )


def test_call_that_failed_and_was_made_again_adds_nothing() -> None:
    said = join_model_calls([ModelCall(history=(user("hi"),)), generation(user("hi"), answer=says("yes"))])
    assert texts(said) == ["hi", "yes"]


def test_results_match_by_id_in_any_span_order() -> None:
    said = [user("hi"), calls(("c1", "n", {}), ("c2", "n", {}))]
    whole = list(add_tool_results(said, [ran("n", "second", call_id="c2"), ran("n", "first", call_id="c1")]))
    assert texts(whole[2:]) == ["first", "second"]
    assert [message.tool_call_id for message in whole[2:]] == ["c1", "c2"]


def test_results_without_ids_match_by_name_and_arguments() -> None:
    said = [user("hi"), calls(("c1", "n", {"a": 1}), ("c2", "n", {"a": 2}), ("c3", "other", {"a": 1}))]
    spans = [ran("n", "two", arguments='{"a": 2.0}'), ran("n", "nobody's", arguments='{"a": 3}')]
    whole = list(add_tool_results(said, spans))
    assert [(message.text, message.tool_call_id) for message in whole[2:]] == [("two", "c2")]


def test_result_in_the_history_uses_up_its_span() -> None:
    first, again = calls(("", "n", {})), calls(("", "n", {}))
    said = [user("hi"), first, result("", "n", "as seen"), again]
    whole = list(add_tool_results(said, [ran("n", "one"), ran("n", "two")]))
    assert texts(whole) == ["hi", "", "as seen", "", "two"]


def test_missing_result_is_added_after_its_turn() -> None:
    said = [user("hi"), calls(("c1", "n", {}), ("c2", "n", {})), result("c1", "n", "one"), says("done")]
    whole = list(add_tool_results(said, [ran("n", "two", call_id="c2")]))
    assert texts(whole) == ["hi", "", "one", "two", "done"]


def test_failed_tool_begins_with_the_error_prefix_once() -> None:
    said = [calls(("c1", "n", {}), ("c2", "n", {}))]
    spans = [ran("n", "boom", call_id="c1", failed=True), ran("n", "Error: x", call_id="c2", failed=True)]
    assert texts(list(add_tool_results(said, spans)))[1:] == ["Error: boom", "Error: x"]


def test_turn_with_too_many_calls_is_refused() -> None:
    said = [calls(*[(f"c{n}", "n", {}) for n in range(257)])]
    with pytest.raises(UnsupportedError, match="more than 256 calls"):
        list(add_tool_results(said, []))
