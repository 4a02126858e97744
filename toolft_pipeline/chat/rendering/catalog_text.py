"""Cache the rendered text of a catalog, which is the same in every conversation.

Invariant: the result is, character for character, what the template makes of the conversation with its tools. Forty
tools take several times as long to render as a conversation, so a conversation is rendered with one placeholder tool,
whose text is then replaced by the catalog's. Where the placeholder is not in it exactly once, the conversation is
rendered with its tools. The proofs render every prompt in full.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple, Protocol

import msgspec

Rendered = tuple[str, list[tuple[int, int]]]
"""A text and the character spans of its assistant turns."""


class Renderer(Protocol):
    """The signature of `rendering.render`."""

    def __hash__(self) -> int: ...

    def __call__(
        self,
        messages: list[dict[str, Any]],
        *,
        template: str,
        tools: list[dict[str, Any]] | None = None,
        add_generation_prompt: bool = False,
    ) -> Rendered: ...


class CatalogText(NamedTuple):
    """The text that the tools become, the text that the placeholder becomes, and the offset of its name in that."""

    catalog: str
    placeholder: str
    name_at: int


PLACEHOLDER = "placeholder for the catalog"
PLACEHOLDER_TOOLS: list[dict[str, Any]] = [
    {"type": "function", "function": {"name": PLACEHOLDER, "description": "", "parameters": {}}}
]


def render_with_catalog(
    render: Renderer,
    messages: list[dict[str, Any]],
    *,
    template: str,
    tools: list[dict[str, Any]],
    add_generation_prompt: bool = False,
) -> Rendered:
    """Render a conversation with tools."""
    cached = _catalog_text(render, template, msgspec.json.encode(tools))
    text, spans = render(
        messages, template=template, tools=PLACEHOLDER_TOOLS, add_generation_prompt=add_generation_prompt
    )
    start = text.find(PLACEHOLDER) - cached.name_at
    end = start + len(cached.placeholder)
    if text.count(PLACEHOLDER) != 1 or text[start:end] != cached.placeholder:
        return render(messages, template=template, tools=tools, add_generation_prompt=add_generation_prompt)
    shift = len(cached.catalog) - len(cached.placeholder)
    shifted = [(first + shift, last + shift) if first >= end else (first, last) for first, last in spans]
    return text[:start] + cached.catalog + text[end:], shifted


@lru_cache(maxsize=8)
def _catalog_text(render: Renderer, template: str, tools: bytes) -> CatalogText:
    """The parts in which one question differs, rendered with the tools and with the placeholder."""
    question = [{"role": "user", "content": ""}]
    catalog, _ = render(question, template=template, tools=msgspec.json.decode(tools))
    placeholder, _ = render(question, template=template, tools=PLACEHOLDER_TOOLS)
    start = common_prefix_length(catalog, placeholder)
    suffix = common_prefix_length(catalog[start:][::-1], placeholder[start:][::-1])
    return CatalogText(
        catalog=catalog[start : len(catalog) - suffix],
        placeholder=placeholder[start : len(placeholder) - suffix],
        name_at=placeholder.find(PLACEHOLDER) - start,
    )


def common_prefix_length(one: str, other: str) -> int:
    """Number of characters that two texts share from the start, by binary search."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[low:middle] == other[low:middle] else (low, middle - 1)
    return low
