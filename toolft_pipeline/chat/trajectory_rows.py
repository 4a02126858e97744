"""One trajectory as chat rows: its messages under the agent's policies, rendered and split where history changes."""

from __future__ import annotations

from collections.abc import Collection
from types import MappingProxyType
from typing import Any

from jinja2 import TemplateError

from toolft_pipeline.chat.chat_rows import ChatRow, PastedSpans
from toolft_pipeline.chat.formats.chat_format import ChatFormat, ChatFormatError
from toolft_pipeline.chat.rendering.conversation import image_hashes, template_messages, trajectory_messages
from toolft_pipeline.chat.rendering.pasted_tools import prompt_key, remove_spans
from toolft_pipeline.chat.rendering.rendering import render_rows
from toolft_pipeline.settings import ChatSettings
from toolft_pipeline.trajectories.category import Category
from toolft_pipeline.trajectories.record import Trajectory


def prompt_messages(trajectory: Trajectory, *, chat: ChatSettings, pasted: PastedSpans) -> list[dict[str, Any]]:
    """The messages that the template renders, under the policies for the system prompt and for reasoning."""
    messages = trajectory_messages(
        trajectory,
        system_prompt=chat.system_prompt,
        without_tools=lambda prompt: remove_spans(prompt, pasted.get(prompt_key(prompt), ())),
    )
    messages = template_messages(messages)
    if chat.thinking == "drop":
        return [{key: value for key, value in m.items() if key != "reasoning_content"} for m in messages]
    return messages


def trajectory_rows(
    trajectory: Trajectory,
    *,
    category: Category,
    chat_format: ChatFormat,
    chat: ChatSettings,
    tools: list[dict[str, Any]],
    pasted: PastedSpans = MappingProxyType({}),
    without_loss: Collection[int] = (),
) -> list[ChatRow]:
    """The rows of one trajectory; `without_loss` are numbers of assistant turns that are only context.

    Raises `ChatFormatError` where the template cannot render it.
    """
    messages = prompt_messages(trajectory, chat=chat, pasted=pasted)
    try:
        rendered = render_rows(
            messages,
            chat_format=chat_format,
            catalog_mode=chat.catalog_mode,
            tools=tools,
            without_loss=without_loss,
        )
    except TemplateError as error:
        raise ChatFormatError(f"{trajectory.trajectory_id}: {error}; reject such runs or choose a format") from error
    return [
        ChatRow(
            row_id=f"{trajectory.trajectory_id}#{number}",
            trajectory_id=trajectory.trajectory_id,
            category=category.value,
            tools=called_tools([messages[index] for index in row.message_indices]),
            segments=row.segments,
            images=image_hashes(messages[: row.message_indices[-1]]),
        )
        for number, row in enumerate(rendered)
    ]


def called_tools(messages: list[dict[str, Any]]) -> tuple[str, ...]:
    """Names of the tools that messages call, sorted."""
    calls = (call for message in messages for call in message.get("tool_calls", ()))
    return tuple(sorted({call["function"]["name"] for call in calls}))
