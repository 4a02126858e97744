"""A trajectory as chat messages, and the policies for the system prompt."""

from __future__ import annotations

import pytest

from toolft_pipeline.chat.formats.chat_format import ChatFormatError
from toolft_pipeline.chat.rendering.conversation import openai_tools, template_messages, trajectory_messages
from toolft_pipeline_tests.chat.conversations import CATALOG, SHAPES, assistant, trajectory, user

ONE_CALL = next(shape for shape in SHAPES if shape.trajectory_id == "one_call")


def test_trajectory_messages_are_openai_chat() -> None:
    assert trajectory_messages(ONE_CALL)[2:4] == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "call_0", "type": "function", "function": {"name": "search", "arguments": '{"query": "Ada"}'}}
            ],
        },
        {"role": "tool", "content": '{"hits": ["Ada Lovelace"]}', "tool_call_id": "call_0", "name": "tool"},
    ]


@pytest.mark.parametrize(
    ("policy", "roles", "first"),
    [
        ("keep", "system user assistant tool assistant", "You help."),
        ("strip", "user assistant tool assistant", "Find Ada."),
        ("replace: Be brief.", "system user assistant tool assistant", "Be brief."),
    ],
)
def test_system_prompt_policy_decides_the_first_message(policy: str, roles: str, first: str) -> None:
    messages = trajectory_messages(ONE_CALL, system_prompt=policy)
    assert " ".join(message["role"] for message in messages) == roles
    assert messages[0]["content"] == first


def test_strip_tools_keeps_the_rest_and_drops_an_empty_prompt() -> None:
    def messages(left: str) -> list[dict[str, object]]:
        return trajectory_messages(ONE_CALL, system_prompt="strip_tools", without_tools=lambda _prompt: left)

    assert messages("You.")[0] == {"role": "system", "content": "You."}
    assert messages("")[0]["role"] == "user"


def test_system_prompt_unknown_policy_is_refused() -> None:
    with pytest.raises(
        ChatFormatError, match=r"chat.system_prompt: unknown policy 'kep'; write keep, strip, strip_tools or replace:"
    ):
        trajectory_messages(ONE_CALL, system_prompt="kep")


def test_template_messages_keep_text_that_has_no_utf8_value() -> None:
    lone = trajectory("t", user("x"), assistant("", ("f", '{"a": "\\ud800"}'), ("g", "not json")))
    calls = template_messages(trajectory_messages(lone))[1]["tool_calls"]
    assert [call["function"]["arguments"] for call in calls] == ['{"a": "\\ud800"}', "not json"]


def test_openai_tools_wrap_the_mcp_shape() -> None:
    assert openai_tools(CATALOG)[0] == {
        "type": "function",
        "function": {
            "name": "search",
            "description": "The tool search; never <end_of_turn>.",
            "parameters": CATALOG["tools"][0]["inputSchema"],
        },
    }
