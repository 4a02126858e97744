"""Messages in every dialect, and the shapes of answers and tool outputs."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import msgspec
import pytest
from msgspec import Raw

from toolft_pipeline.ingest.parsing.rejects import RefusedError, UnsupportedError
from toolft_pipeline.ingest.spans.message_blocks import read_result
from toolft_pipeline.ingest.spans.span_messages import read_messages
from toolft_pipeline.ingest.spans.span_payload import LossyExportError, read_answer, read_prompt
from toolft_pipeline.trajectories.record import Part, Role
from toolft_pipeline_tests.pictures import chart, data_uri, in_base64

TEXT = {"type": "text", "text": "look"}


def raw(value: object) -> Raw:
    return Raw(json.dumps(value).encode())


ARGUMENTS = {"a": 1}
OPENAI = [
    {"role": "user", "content": "hi"},
    {
        "role": "assistant",
        "content": "So.",
        "tool_calls": [{"id": "c", "function": {"name": "n", "arguments": '{"a":1}'}}],
    },
    {"role": "tool", "tool_call_id": "c", "content": "ok"},
]
FLAT_LANGCHAIN = [
    {"type": "human", "content": "hi"},
    {"type": "ai", "content": "So.", "tool_calls": [{"id": "c", "name": "n", "args": ARGUMENTS}]},
    {"type": "tool", "tool_call_id": "c", "content": "ok"},
]
DIALECTS: dict[str, list[dict[str, Any]]] = {
    "openai": OPENAI,
    "langchain, flat": FLAT_LANGCHAIN,
    "langchain, messages_to_dict": [{"type": one["type"], "data": one} for one in FLAT_LANGCHAIN],
    "langchain, constructor": [
        {"lc": 1, "type": "constructor", "id": ["schema", f"{name}Message"], "kwargs": {**one, "type": None}}
        for name, one in zip(("Human", "AI", "Tool"), FLAT_LANGCHAIN, strict=True)
    ],
    "anthropic": [
        OPENAI[0],
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "So."},
                {"type": "tool_use", "id": "c", "name": "n", "input": ARGUMENTS},
            ],
        },
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": "ok"}]},
    ],
    "opentelemetry": [
        {"role": "user", "parts": [{"type": "text", "content": "hi"}]},
        {
            "role": "assistant",
            "parts": [
                {"type": "text", "content": "So."},
                {"type": "tool_call", "id": "c", "name": "n", "arguments": ARGUMENTS},
            ],
        },
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c", "response": "ok"}]},
    ],
    "langfuse's own of langchain": [OPENAI[0], {**FLAT_LANGCHAIN[1], "type": None, "role": "assistant"}, OPENAI[2]],
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_turns_of_every_dialect_are_the_same_turns(dialect: str) -> None:
    said = [
        (
            one.role.value,
            one.text,
            [(c.id, c.name, json.loads(c.arguments_json)) for c in one.tool_calls],
            one.tool_call_id,
        )
        for one in read_messages(raw(DIALECTS[dialect]))
    ]
    assert said == [
        ("user", "hi", [], None),
        ("assistant", "So.", [("c", "n", {"a": 1})], None),
        ("tool", "ok", [], "c"),
    ]


@pytest.mark.parametrize(
    "message",
    [
        {"role": "critic", "content": "x"},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x.test/secret"}}]},
        {"role": "assistant", "content": None, "function_call": {"name": "n", "arguments": "{}"}},
        {"type": "ai", "content": "", "invalid_tool_calls": [{"name": "n", "args": "{"}]},
        {"role": "assistant", "parts": [{"type": "tool_call", "name": "n"}, {"type": "text", "content": "late"}]},
    ],
)
def test_unsupported_turn_is_refused_without_its_text(message: dict[str, Any]) -> None:
    with pytest.raises(RefusedError) as caught:
        read_messages(raw([message]))
    assert "secret" not in str(caught.value)


CHART = chart(1, 2)
SHOWN = Part(type="image", image_sha256=hashlib.sha256(CHART).hexdigest(), mime="image/png")


@pytest.mark.parametrize(
    "message",
    [
        {"role": "tool", "content": [TEXT, {"type": "image_url", "image_url": {"url": data_uri(CHART)}}]},
        {"type": "tool", "content": [TEXT, {"type": "image", "base64": in_base64(CHART), "mime_type": "image/png"}]},
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "c",
                    "content": [TEXT, {"type": "image", "source": {"type": "base64", "data": in_base64(CHART)}}],
                }
            ],
        },
        {
            "role": "tool",
            "parts": [
                {"type": "text", "content": "look"},
                {"type": "blob", "modality": "image", "mime_type": "image/png", "content": in_base64(CHART)},
            ],
        },
    ],
    ids=["openai", "langchain", "anthropic", "otel"],
)
def test_image_of_a_result_is_one_part_in_every_dialect(message: dict[str, Any]) -> None:
    (turn,) = read_messages(raw([message]))
    assert (turn.role, turn.content) == (Role.TOOL, (Part(type="text", text="look"), SHOWN))


def test_image_in_a_system_prompt_is_refused() -> None:
    image = {"type": "image", "base64": in_base64(CHART)}
    with pytest.raises(UnsupportedError, match="a message of role system has an image"):
        read_prompt(raw({"system": [image], "messages": [{"role": "user", "content": "x"}]}))


def test_arguments_that_are_text_stay_the_text_of_the_span() -> None:
    call = {"id": "c", "function": {"name": "n", "arguments": '{ "a" : 1.0 }'}}
    (message,) = read_messages(raw([{"role": "assistant", "content": "", "tool_calls": [call]}]))
    assert message.tool_calls[0].arguments_json == '{ "a" : 1.0 }'


@pytest.mark.parametrize(
    "output",
    [
        {"role": "assistant", "content": "yes"},
        {"choices": [{"message": {"role": "assistant", "content": "yes"}}]},
        {"generations": [[{"text": "yes", "message": {"kwargs": {"type": "ai", "content": "yes"}}}]]},
        {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "yes"}]},
        {"messages": [{"role": "assistant", "content": "yes"}]},
        [{"role": "assistant", "parts": [{"type": "text", "content": "yes"}]}],
        "yes",
        '{"role":"assistant","content":"yes"}',
    ],
)
def test_answer_is_found_in_every_wrapper(output: object) -> None:
    assert [message.text for message in read_answer(raw(output))] == ["yes"]


def test_answer_in_json_is_its_text() -> None:
    assert [message.text for message in read_answer(raw('{"colour": "red"}'))] == ['{"colour": "red"}']
    assert [message.text for message in read_answer(raw("[1, 2]"))] == ["[1, 2]"]


def test_several_answers_are_not_chosen_among() -> None:
    choice = {"message": {"role": "assistant", "content": "yes"}}
    with pytest.raises(UnsupportedError, match="several answers"):
        read_answer(raw({"choices": [choice, choice]}))


@pytest.mark.parametrize("prompt", ["Human: hi", {"prompt": "hi"}, {"prompts": ["Human: hi"]}, '[{"role": "us'])
def test_prompt_without_turns_is_lossy(prompt: object) -> None:
    with pytest.raises(LossyExportError):
        read_prompt(raw(prompt))


@pytest.mark.parametrize(
    ("output", "text"),
    [
        ("ok", "ok"),
        (' {"a": 1}\n', ' {"a": 1}\n'),
        ({"type": "tool", "content": "ok", "tool_call_id": "c"}, "ok"),
        ({"lc": 1, "kwargs": {"type": "tool", "content": "ok", "tool_call_id": "c"}}, "ok"),
        (
            {"type": 5, "name": {}, "content": 3, "usage": "high"},
            '{"type": 5, "name": {}, "content": 3, "usage": "high"}',
        ),
        ([1, 2], "[1, 2]"),
    ],
)
def test_result_is_the_text_that_the_model_would_see(output: object, text: str) -> None:
    parts = read_result(raw(output))
    assert parts is not None
    assert "".join(part.text or "" for part in parts) == text


def test_json_inside_a_text_keeps_the_cap_of_nesting() -> None:
    deep = '[{"role":"user","content":' + "[" * 100 + "]" * 100 + "}]"
    with pytest.raises((RefusedError, msgspec.ValidationError)) as caught:
        read_prompt(raw(deep))
    assert "nested deeper" in str(caught.value)
