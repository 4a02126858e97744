"""Render a conversation into segments of text, each trained or not.

Invariant: the text before every trained segment of a row is the text that a server sends before that turn. Where a
longer history changes the text of a shorter one (earlier reasoning dropped), the row ends and the next one starts with
the whole history rendered again, so each assistant turn is trained in exactly one row.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from msgspec import Struct

from toolft_pipeline.chat.formats.chat_format import ChatFormat, ChatFormatError
from toolft_pipeline.chat.rendering.catalog_text import Renderer, render_with_catalog
from toolft_pipeline.settings import CatalogMode


class Segment(Struct, frozen=True, kw_only=True):
    """A segment of a row's text; a `trained` one is a whole assistant turn, end-of-turn token included."""

    text: str
    trained: bool


@dataclass(frozen=True, kw_only=True)
class RenderedTurn:
    """One assistant turn: the text that a server sends before it, and its own text."""

    message_index: int
    prompt: str
    answer: str


@dataclass(frozen=True, kw_only=True)
class RenderedRow:
    """Segments up to the last trained turn, and the indices of the assistant messages that are trained."""

    segments: tuple[Segment, ...]
    message_indices: tuple[int, ...]


def render(
    messages: list[dict[str, Any]],
    *,
    template: str,
    tools: list[dict[str, Any]] | None = None,
    add_generation_prompt: bool = False,
) -> tuple[str, list[tuple[int, int]]]:
    """A chat template's text and the character spans of its `{% generation %}` blocks.

    Rendered without a tokenizer, by the function that transformers' `apply_chat_template` calls.
    """
    from transformers.utils.chat_template_utils import render_jinja_template

    texts, spans = render_jinja_template(
        [messages],
        tools=tools,
        chat_template=template,
        return_assistant_tokens_mask=True,
        add_generation_prompt=add_generation_prompt,
    )
    return texts[0], spans[0]


def render_rows(
    messages: list[dict[str, Any]],
    *,
    chat_format: ChatFormat,
    catalog_mode: CatalogMode,
    tools: list[dict[str, Any]] | None = None,
    without_loss: Collection[int] = (),
) -> list[RenderedRow]:
    """The rows of one conversation; empty without a turn that carries loss. Text after the last such turn is left out.

    `without_loss` are numbers of assistant turns that are only context.
    """
    turns = render_turns(messages, chat_format=chat_format, catalog_mode=catalog_mode, tools=tools)
    return group_into_rows(turn for number, turn in enumerate(turns) if number not in without_loss)


def group_into_rows(turns: Iterable[RenderedTurn]) -> list[RenderedRow]:
    """Group the turns of one conversation into rows. Turns that are not among them are context of later ones."""
    rows: list[RenderedRow] = []
    segments: list[Segment] = []
    indices: list[int] = []
    text = ""
    for turn in turns:
        if not turn.prompt.startswith(text):
            rows.append(RenderedRow(segments=tuple(segments), message_indices=tuple(indices)))
            segments, indices, text = [], [], ""
        segments += [Segment(text=turn.prompt[len(text) :], trained=False), Segment(text=turn.answer, trained=True)]
        indices.append(turn.message_index)
        text = turn.prompt + turn.answer
    if segments:
        rows.append(RenderedRow(segments=tuple(segments), message_indices=tuple(indices)))
    return rows


def render_turns(
    messages: list[dict[str, Any]],
    *,
    chat_format: ChatFormat,
    catalog_mode: CatalogMode,
    tools: list[dict[str, Any]] | None = None,
) -> Iterator[RenderedTurn]:
    """Every assistant turn of one conversation with its serving prompt, in order."""
    template = chat_format.template(catalog_mode=catalog_mode)
    render_messages: Renderer = render
    if tools and catalog_mode is not CatalogMode.NONE:  # in mode `none` the template ignores tools
        render_messages = partial(render_with_catalog, render, tools=tools)
    indices = [index for index, message in enumerate(messages) if message["role"] == "assistant"]
    reasons = any(message.get("reasoning_content") for message in messages)
    if chat_format.capabilities.prefix_stable or not reasons:  # one rendering shows every turn as it is served
        text, spans = render_messages(messages, template=template)
        _require(len(spans) == len(indices), chat_format, f"marks {len(spans)} of {len(indices)} assistant turns")
        for index, (start, end) in zip(indices, spans, strict=True):
            yield RenderedTurn(message_index=index, prompt=text[:start], answer=text[start:end])
        return
    for index in indices:
        prompt, _ = render_messages(messages[:index], template=template, add_generation_prompt=True)
        text, spans = render_messages(messages[: index + 1], template=template)
        starts_with_prompt = bool(spans) and text.startswith(prompt)
        _require(starts_with_prompt, chat_format, "renders a turn that does not start with its prompt")
        yield RenderedTurn(message_index=index, prompt=prompt, answer=text[len(prompt) : spans[-1][1]])


def _require(condition: bool, chat_format: ChatFormat, fault: str) -> None:
    if not condition:
        raise ChatFormatError(f"{chat_format.template_file}: the template {fault}; fix its generation blocks")
