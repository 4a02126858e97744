"""A trajectory as the messages that a chat template takes.

Invariant: arguments reach the template as the recorded JSON value, in the recorded key order, exactly as a server
passes them on after decoding a request; so logs with other spacing or escapes train on the text that will be served.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from toolft_pipeline.chat.formats.chat_format import ChatFormatError
from toolft_pipeline.trajectories.record import Message, Role, Trajectory

REPLACE = "replace:"
STRIP_TOOLS = "strip_tools"


WithoutTools = Callable[[str], str]
"""Removes a pasted tool list from a system prompt, for the policy `strip_tools`."""


def trajectory_messages(
    trajectory: Trajectory, *, system_prompt: str = "keep", without_tools: WithoutTools | None = None
) -> list[dict[str, Any]]:
    """The run as OpenAI chat messages, arguments as JSON text, under the agent file's policy for the system prompt."""
    messages = [_message(message) for message in trajectory.messages]
    return with_system_prompt(messages, policy=system_prompt, without_tools=without_tools)


def with_system_prompt(
    messages: list[dict[str, Any]], *, policy: str, without_tools: WithoutTools | None = None
) -> list[dict[str, Any]]:
    """Apply `chat.system_prompt`: keep, strip, remove a pasted tool list, or replace.

    A replacement (the text after `replace:`) is also added to a conversation without a system prompt, because a server
    sends it every time. Raises `ChatFormatError` for an unknown policy.
    """
    if policy == "keep":
        return messages
    if policy == STRIP_TOOLS:
        if without_tools is None:
            raise ChatFormatError(
                f"chat.system_prompt: {STRIP_TOOLS} needs today's tools, which no caller gave; report this bug"
            )
        stripped = [_without_tools(message, without_tools) for message in messages]
        return [message for message in stripped if message["role"] != Role.SYSTEM or message["content"]]
    others = [message for message in messages if message["role"] != Role.SYSTEM]
    if policy == "strip":
        return others
    if not policy.startswith(REPLACE):
        known = f"keep, strip, {STRIP_TOOLS} or {REPLACE} TEXT"
        raise ChatFormatError(f"chat.system_prompt: unknown policy {policy!r}; write {known}")
    return [{"role": "system", "content": policy.removeprefix(REPLACE).strip()}, *others]


def _without_tools(message: dict[str, Any], without_tools: WithoutTools) -> dict[str, Any]:
    content = message.get("content")
    if message["role"] != Role.SYSTEM or not isinstance(content, str):
        return message
    return {**message, "content": without_tools(content)}


def image_hashes(messages: Iterable[dict[str, Any]]) -> tuple[str, ...]:
    """The hashes of the images that chat messages show, in order."""
    lists = (content for message in messages if isinstance(content := message.get("content"), list))
    return tuple(part["image_sha256"] for content in lists for part in content if "image_sha256" in part)


def template_messages(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """OpenAI messages as a template takes them: arguments decoded from JSON text, keys without a value left out."""
    return [
        {key: _calls(value) if key == "tool_calls" else value for key, value in message.items() if value is not None}
        for message in messages
    ]


def openai_tools(catalog: dict[str, Any]) -> list[dict[str, Any]]:
    """A catalog in MCP shape ({"tools": [{name, description, inputSchema}]}) as the `tools` of a chat request."""
    return [
        {
            "type": "function",
            "function": {
                "name": tool["name"],
                "description": tool.get("description") or "",
                "parameters": tool.get("inputSchema") or {"type": "object", "properties": {}},
            },
        }
        for tool in catalog["tools"]
    ]


def _message(message: Message) -> dict[str, Any]:
    chat: dict[str, Any] = {"role": str(message.role), "content": message.text or None}
    if message.role is not Role.ASSISTANT:
        chat["content"] = message.text
    if any(part.type != "text" for part in message.content):
        chat["content"] = list(_parts(message))
    if message.reasoning:
        chat["reasoning_content"] = message.reasoning
    if message.tool_calls:
        chat["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments_json}}
            for call in message.tool_calls
        ]
    if message.role is Role.TOOL:
        chat["tool_call_id"] = message.tool_call_id
        chat["name"] = message.name
    return chat


def _parts(message: Message) -> Iterator[dict[str, Any]]:
    for part in message.content:
        if part.image_sha256 is None:
            yield {"type": part.type, "text": part.text or ""}
        else:
            yield {"type": part.type, "image_sha256": part.image_sha256}


def _calls(calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {**call, "function": {**call["function"], "arguments": _decoded(call["function"].get("arguments"))}}
        for call in calls
    ]


def _decoded(arguments: Any) -> Any:
    """The value of argument text; the text itself where it is not JSON or its value cannot be written as UTF-8."""
    if not isinstance(arguments, str):
        return arguments
    try:
        value = json.loads(arguments)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return arguments
    return value
