"""Which messages are accepted, in which shape, and how the others are refused."""

from __future__ import annotations

from typing import Any

import pytest

from toolft_pipeline_tests.serving.api.checked_bodies import (
    CALL,
    RESULT,
    USER,
    arguments,
    assistant,
    history,
    problem,
)


@pytest.mark.parametrize(
    ("given", "canonical"),
    [
        ({"role": "user", "content": ""}, {"role": "user", "content": ""}),
        ({"role": "developer", "content": "Be brief."}, {"role": "system", "content": "Be brief."}),
        (
            {"role": "user", "content": [{"type": "text", "text": "a"}, "b", {"type": "text", "text": " c"}]},
            {"role": "user", "content": "ab c"},
        ),
        ({"role": "user", "content": "Hi", "name": "Ada", "tool_calls": None}, {"role": "user", "content": "Hi"}),
    ],
)
def test_message_shapes_are_made_canonical(given: dict[str, Any], canonical: dict[str, Any]) -> None:
    assert history(given) == [canonical]


@pytest.mark.parametrize(
    ("given", "content"),
    [
        ({"role": "assistant", "content": "Yes.", "tool_calls": None, "audio": None, "function_call": None}, "Yes."),
        ({"role": "assistant", "content": "Yes.", "tool_calls": []}, "Yes."),
        ({"role": "assistant", "content": [{"type": "text", "text": "Yes."}], "annotations": []}, "Yes."),
        ({"role": "assistant", "content": None, "refusal": "I will not."}, "I will not."),
        ({"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}, "No."),
        ({"role": "assistant", "content": None}, None),
        ({"role": "assistant", "content": "", "tool_call_error": {"kind": "length"}}, None),
        ({"role": "assistant"}, None),
    ],
)
def test_assistant_turns_without_calls(given: dict[str, Any], content: str | None) -> None:
    assert history(USER, given, USER)[1] == {"role": "assistant", "content": content}


def test_text_beside_calls_is_kept_and_results_are_named() -> None:
    made = history(USER, assistant(content="I look."), {**RESULT, "content": [{"type": "text", "text": "o"}, "k"]})
    assert made[1] == {"role": "assistant", "content": "I look.", "tool_calls": [CALL]}
    assert made[2] == {"role": "tool", "content": "ok", "tool_call_id": "c", "name": "f"}


def test_result_without_text_is_empty() -> None:
    assert history(USER, assistant(), {**RESULT, "content": None})[2]["content"] == ""


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ('{"a":1.0}', '{"a":1.0}'),
        ({"b": "é", "a": [1, 2.5, None]}, '{"b": "é", "a": [1, 2.5, null]}'),
        ({}, "{}"),
        ("", "{}"),
        (" ", "{}"),
        ("null", "{}"),
        (None, "{}"),
    ],
)
def test_arguments_of_the_history_are_json_text(given: Any, text: str) -> None:
    assert history(USER, arguments(given), RESULT)[1]["tool_calls"][0]["function"]["arguments"] == text


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("{'a': 1}", "is not JSON"),
        ("{", "is not JSON"),
        ('{"a": NaN}', "is not JSON"),
        ('"{}"', "is JSON, but not an object"),
        ("[1]", "is JSON, but not an object"),
        (7, "must be text, found a whole number"),
        (["a"], "must be text, found a list"),
        ('{"a":' + "[" * 70 + "]" * 70 + "}", "is nested deeper than 64 levels"),
    ],
)
def test_arguments_that_training_never_saw_are_refused(given: Any, said: str) -> None:
    assert problem(messages=[USER, arguments(given), RESULT]).startswith(
        f"messages[1].tool_calls[0].function.arguments: {said}"
    )


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([], "messages: must hold at least one message"),
        (None, "messages: must be a list, found null"),
        ("left out", "messages: must be a list, found null"),
        ("Hi", "messages: must be a list, found text"),
        (["Hi"], "messages[0]: must be an object, found text"),
        ([{"content": "Hi"}], "messages[0].role: must be text, found null"),
        ([{"role": "function", "content": "x"}], "messages[0].role: unknown role 'function'; use system, developer, "),
        ([{"role": "user"}], "messages[0].content: must be text or a list of text parts, found null"),
        ([{"role": "system", "content": None}], "messages[0].content: must be text or a list"),
        ([{"role": "user", "content": {"a": 1}}], "messages[0].content: must be text or a list of text parts"),
        ([{"role": "user", "content": [{"type": "text"}]}], "messages[0].content[0].text: must be text, found null"),
        (
            [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x"}}]}],
            "messages[0].content[0].type: parts of type 'image_url' are not supported: the model is served with text",
        ),
        ([{"role": "user", "content": "Hi", "tool_calls": [CALL]}], "messages[0].tool_calls: only assistant messages"),
        ([USER, {"role": "assistant", "content": "Yes."}], "messages: the last message is the assistant's"),
        ([USER, assistant()], "messages: the last message is the assistant's, so there is nothing to answer; the "),
        ([USER, assistant(), USER], "messages[2]: comes before the results of these calls: c"),
        ([USER, assistant(tool_calls=[CALL, {**CALL, "id": "d"}]), RESULT], "messages: the results of these calls are"),
        ([USER, RESULT], "messages[1].tool_call_id: answers no call of the assistant message before it"),
        ([USER, assistant(), RESULT, RESULT], "messages[3].tool_call_id: answers no call"),
        ([USER, assistant(), {**RESULT, "tool_call_id": None}], "messages[2].tool_call_id: must be text, found null"),
        ([USER, assistant(tool_calls=[CALL, CALL]), RESULT], "messages[1].tool_calls: two calls have the same id"),
        ([USER, assistant(tool_calls={}), RESULT], "messages[1].tool_calls: must be a list, found an object"),
        ([USER, assistant(tool_calls=[{**CALL, "id": ""}])], "messages[1].tool_calls[0].id: must not be empty"),
        ([USER, assistant(tool_calls=[{**CALL, "type": "custom"}])], "messages[1].tool_calls[0].type: must be functio"),
        (
            [USER, assistant(tool_calls=[{"id": "c"}])],
            "messages[1].tool_calls[0].function: must be an object, found nu",
        ),
        ([USER, assistant(function_call={"name": "f"})], "messages[1].function_call: is not supported"),
        ([USER, assistant(audio={"id": "a"})], "messages[1].audio: is not supported"),
    ],
)
def test_messages_are_refused_with_their_place(messages: Any, said: str) -> None:
    assert problem(messages=messages).startswith(said)
