"""Which requests are accepted, and what the others are told: the place, what is wrong, what to do."""

from __future__ import annotations

from typing import Any

import pytest

from toolft_pipeline.serving.api.errors import ApiError
from toolft_pipeline.serving.api.request_checks import decoded
from toolft_pipeline.settings.serving import ServerLimits
from toolft_pipeline_tests.serving.api.checked_bodies import (
    USER,
    check,
    problem,
)
from toolft_pipeline_tests.serving.api.client_side import TOOLS, refused
from toolft_pipeline_tests.serving.api.running import Running


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n", 2),
        ("response_format", {"type": "json_object"}),
        ("logprobs", True),
        ("top_logprobs", 3),
        ("stop", ["\n"]),
        ("stop", "\n"),
        ("logit_bias", {"5": 1}),
        ("frequency_penalty", 0.5),
        ("presence_penalty", -1),
        ("modalities", ["audio"]),
        ("audio", {"voice": "x"}),
        ("reasoning_effort", "high"),
        ("functions", []),
        ("function_call", "auto"),
        ("web_search_options", {}),
        ("chat_template_kwargs", {"catalog_mode": "full"}),
        ("chat_template", "{{ messages }}"),
        ("generation_config", {"do_sample": True}),
        ("add_generation_prompt", False),
        ("guided_json", {}),
        ("top_k", 5),
    ],
)
def test_parameters_that_would_change_the_answer_are_refused(name: str, value: Any) -> None:
    said = problem(**{name: value})
    assert said.startswith(f"{name}: is not supported")
    assert "unknown" not in said


def test_unknown_parameter_is_refused_with_a_hint() -> None:
    assert problem(max_token=5) == "max_token: unknown parameter; did you mean max_tokens?"


@pytest.mark.parametrize(
    "body",
    [
        {"n": 1, "response_format": {"type": "text"}, "logprobs": False, "top_logprobs": None, "stop": None},
        {"stop": [], "logit_bias": {}, "frequency_penalty": 0, "presence_penalty": 0.0, "modalities": ["text"]},
        {
            "user": "u",
            "metadata": {"a": "b"},
            "store": True,
            "seed": 5,
            "service_tier": "auto",
            "prompt_cache_key": "k",
        },
        {"functions": None, "chat_template_kwargs": None, "audio": None, "stream": None, "tools": None},
        {"stream": True, "stream_options": {"include_usage": True, "include_obfuscation": False}},
        {"parallel_tool_calls": None, "tool_choice": None, "temperature": None, "max_tokens": None},
    ],
)
def test_parameters_that_ask_for_nothing_are_accepted(body: dict[str, Any]) -> None:
    check(**body)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"temperature": 2.5}, "temperature: must be 0 to 2"),
        ({"temperature": -1}, "temperature: must be 0 to 2"),
        ({"temperature": "0"}, "temperature: must be a number"),
        ({"temperature": True}, "temperature: must be a number"),
        ({"top_p": 0}, "top_p: must be above 0 and at most 1"),
        ({"top_p": 1.5}, "top_p: must be above 0 and at most 1"),
        ({"seed": 1.5}, "seed: must be a whole number, found a number"),
        ({"seed": 2**63}, "seed: must fit into 64 bits"),
        ({"max_tokens": 0}, "max_tokens: must be 1 to 1024 (serving.limits.new_tokens)"),
        ({"max_completion_tokens": 5000}, "max_completion_tokens: must be 1 to 1024"),
        ({"max_tokens": 5, "max_completion_tokens": 6}, "max_tokens: contradicts max_completion_tokens"),
        ({"stream": "yes"}, "stream: must be true or false, found text"),
        ({"stream_options": {"include_usage": True}}, "stream_options: needs stream: true"),
        ({"model": "left out"}, "model: must be text, found null"),
        ({"metadata": "x"}, "metadata: must be an object, found text"),
        ({"metadata": {"a": {}}}, "metadata.a: must be text, found an object"),
        ({"metadata": {"conversation_id": "a b"}}, "metadata.conversation_id: must be 1 to 128 letters"),
        ({"metadata": {"conversation_id": 5}}, "metadata.conversation_id: must be text, found a whole number"),
        ({"header": "../etc\r\nx"}, "X-Conversation-Id: must be 1 to 128 letters"),
        ({"header": "a", "metadata": {"conversation_id": "b"}}, "metadata.conversation_id: contradicts the header"),
        ({"tools": {}}, "tools: must be a list, found an object"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type: must be function"),
        ({"tools": [{"type": "function"}]}, "tools[0].function: must be an object, found null"),
        ({"tools": [*TOOLS, TOOLS[0]]}, "tools[3].function.name: 'calculate' is offered twice"),
        ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "tools[0].function.name: must be 1 to 128"),
        (
            {"tools": [{"type": "function", "function": {"name": "a", "parameters": []}}]},
            "tools[0].function.parameters",
        ),
        (
            {"tools": [{"type": "function", "function": {"name": "a", "strict": True}}]},
            "tools[0].function.strict: true",
        ),
        ({"tools": TOOLS, "tool_choice": "any"}, "tool_choice: must be auto, none, required or a named function"),
        ({"tool_choice": "required"}, "tool_choice: required needs tools"),
        ({"tools": TOOLS, "tool_choice": {"type": "allowed_tools"}}, "tool_choice.type: must be function"),
        (
            {"tools": TOOLS, "tool_choice": {"type": "function", "function": {"name": "fly"}}},
            "tool_choice.function.name: does not name a tool of the request",
        ),
        ({"parallel_tool_calls": "no"}, "parallel_tool_calls: must be true or false, found text"),
        (
            {"limits": ServerLimits(messages=1), "messages": [USER, USER]},
            "messages: holds 2 messages; this server take",
        ),
        ({"limits": ServerLimits(tools=2), "tools": TOOLS}, "tools: holds 3 tools; this server takes 2"),
    ],
)
def test_values_are_refused_with_their_place(body: dict[str, Any], said: str) -> None:
    assert problem(**body).startswith(said)


def test_strict_is_accepted_where_decoding_follows_the_schema() -> None:
    tool = {"type": "function", "function": {"name": "a", "strict": True}}
    assert check(tools=[tool], strict_holds=True).chat.tools[0]["function"]["name"] == "a"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "body: is not JSON"),
        (b"{", "body: is not JSON"),
        (b'{"a": "\\ud800"}', "body: is not JSON"),
        (b'{"a": "\xff"}', "body: is not JSON"),
        (b"[" * 70 + b"]" * 70, "body: is nested deeper than 64 levels"),
        (b"[" * 1_000_000, "body: is nested deeper than 64 levels"),
        (b'{"a": NaN}', "body: is not JSON"),
    ],
)
def test_bodies_that_are_no_json_are_refused(body: bytes, said: str) -> None:
    with pytest.raises(ApiError) as caught:
        decoded(body)
    assert str(caught.value).startswith(said)


def test_refusal_over_http_is_openai_shaped(server: Running) -> None:
    error = refused(server, messages=[])
    assert error == {
        "message": "messages: must hold at least one message",
        "type": "invalid_request_error",
        "param": "messages",
        "code": None,
    }


def test_client_kwargs_of_the_template_are_refused_over_http(server: Running) -> None:
    import openai

    with pytest.raises(openai.BadRequestError, match="the prompt is the one that the model was trained on"):
        server.client.chat.completions.create(
            **server.ask(), extra_body={"chat_template_kwargs": {"catalog_mode": "full"}}
        )
    assert server.engine.asked == []


def test_unknown_model_is_404(server: Running) -> None:
    import openai

    with pytest.raises(openai.NotFoundError, match="this server has tests and tests/2026-10-07") as caught:
        server.client.chat.completions.create(**{**server.ask(), "model": "gpt-4"})
    assert caught.value.code == "model_not_found"


def test_models_are_listed(server: Running) -> None:
    listed = list(server.client.models.list())
    assert [each.id for each in listed] == ["tests", "tests/2026-10-07"]
    assert {each.created for each in listed} == {1791331200}
    assert [server.client.models.retrieve(each.id) for each in listed] == listed
    assert server.get("/v1/models/tests/2020-01-01").json()["error"]["code"] == "model_not_found"
