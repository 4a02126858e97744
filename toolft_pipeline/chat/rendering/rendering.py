"""A conversation as pieces of text, each trained or not.

Invariant: the text before every trained piece of a row is the text that a server sends before that turn. Where a
longer history changes the text of a shorter one (earlier reasoning dropped), the row ends and the next one starts
over with a fresh history, so each assistant turn is trained in exactly one row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from msgspec import Struct

from toolft_pipeline.chat.formats.chat_format import ChatFormat, ChatFormatError
from toolft_pipeline.chat.rendering.catalog_text import Renderer, render_with_catalog
from toolft_pipeline.settings import CatalogMode


class Segment(Struct, frozen=True, kw_only=True):
    """A stretch of a row's text; `trained` pieces are whole assistant turns, end-of-turn token included."""

    text: str
    trained: bool


@dataclass(frozen=True, kw_only=True)
class RenderedTurn:
    """One assistant turn: its place among the messages, the text a server sends before it, and its own text."""

    message_index: int
    prompt: str
    answer: str


@dataclass(frozen=True, kw_only=True)
class RenderedRow:
    """Pieces up to the last trained turn, and the places of the assistant messages that are trained here."""

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

    Rendered by transformers' own function, the one behind `apply_chat_template`, without a tokenizer.
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
) -> list[RenderedRow]:
    """The rows of one conversation; none where no assistant speaks. Text after the last turn is left out."""
    return group_into_rows(render_turns(messages, chat_format=chat_format, catalog_mode=catalog_mode, tools=tools))


def group_into_rows(turns: Iterable[RenderedTurn]) -> list[RenderedRow]:
    """Turns of one conversation as rows. A turn that is not among them is context of those behind it."""
    rows: list[RenderedRow] = []
    segments: list[Segment] = []
    message_indices: list[int] = []
    text = ""
    for turn in turns:
        if not turn.prompt.startswith(text):
            rows.append(RenderedRow(segments=tuple(segments), message_indices=tuple(message_indices)))
            segments, message_indices, text = [], [], ""
        segments += [Segment(text=turn.prompt[len(text) :], trained=False), Segment(text=turn.answer, trained=True)]
        message_indices.append(turn.message_index)
        text = turn.prompt + turn.answer
    if segments:
        rows.append(RenderedRow(segments=tuple(segments), message_indices=tuple(message_indices)))
    return rows


def render_turns(
    messages: list[dict[str, Any]],
    *,
    chat_format: ChatFormat,
    catalog_mode: CatalogMode,
    tools: list[dict[str, Any]] | None = None,
) -> Iterator[RenderedTurn]:
    """Every assistant turn of one conversation as it is served and said, in order."""
    template = chat_format.template(catalog_mode=catalog_mode)
    written: Renderer = render
    if tools and catalog_mode is not CatalogMode.NONE:  # the template ignores them there
        written = partial(render_with_catalog, render, tools=tools)
    message_indices = [
        message_index for message_index, message in enumerate(messages) if message["role"] == "assistant"
    ]
    reasons = any(message.get("reasoning_content") for message in messages)
    if chat_format.capabilities.prefix_stable or not reasons:  # one rendering shows every turn as it is served
        text, spans = written(messages, template=template)
        _require(
            len(spans) == len(message_indices),
            chat_format,
            f"marks {len(spans)} of {len(message_indices)} assistant turns",
        )
        for message_index, (start, end) in zip(message_indices, spans, strict=True):
            yield RenderedTurn(message_index=message_index, prompt=text[:start], answer=text[start:end])
        return
    for message_index in message_indices:
        prompt, _ = written(messages[:message_index], template=template, add_generation_prompt=True)
        text, spans = written(messages[: message_index + 1], template=template)
        _require(bool(spans) and text.startswith(prompt), chat_format, "renders a turn that its prompt does not begin")
        yield RenderedTurn(message_index=message_index, prompt=prompt, answer=text[len(prompt) : spans[-1][1]])


def _require(holds: bool, chat_format: ChatFormat, fault: str) -> None:
    if not holds:
        raise ChatFormatError(f"{chat_format.template_file}: the template {fault}; mend its generation blocks")
