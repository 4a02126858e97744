"""The text of a catalog, rendered once for all conversations that carry it.

Invariant: what comes out is, character for character, what the template makes of the conversation with its tools.
Forty tools cost several times what a conversation costs to render, and their text is the same every time: so the
conversation is rendered with one stand-in tool, whose text is then replaced. Where the stand-in does not stand in it
exactly once, the conversation is rendered with its tools. The proofs render every prompt in full.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple, Protocol

import msgspec

Rendered = tuple[str, list[tuple[int, int]]]
"""A text and the character spans of its assistant turns."""


class Renderer(Protocol):
    """`rendering.render`."""

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
    """What the tools write, what the stand-in writes in their place, and where in that its name stands."""

    catalog: str
    stand_in: str
    name_at: int


NAME = "the catalog stands here"
STAND_IN_TOOLS: list[dict[str, Any]] = [
    {"type": "function", "function": {"name": NAME, "description": "", "parameters": {}}}
]


def render_with_catalog(
    render: Renderer,
    messages: list[dict[str, Any]],
    *,
    template: str,
    tools: list[dict[str, Any]],
    add_generation_prompt: bool = False,
) -> Rendered:
    """`render` with tools."""
    known = _catalog_text(render, template, msgspec.json.encode(tools))
    text, spans = render(messages, template=template, tools=STAND_IN_TOOLS, add_generation_prompt=add_generation_prompt)
    place = text.find(NAME) - known.name_at
    end = place + len(known.stand_in)
    if text.count(NAME) != 1 or text[place:end] != known.stand_in:
        return render(messages, template=template, tools=tools, add_generation_prompt=add_generation_prompt)
    longer = len(known.catalog) - len(known.stand_in)
    moved = [(first + longer, last + longer) if first >= end else (first, last) for first, last in spans]
    return text[:place] + known.catalog + text[end:], moved


@lru_cache(maxsize=8)
def _catalog_text(render: Renderer, template: str, tools: bytes) -> CatalogText:
    """Where the texts of one question differ, with the tools and with the stand-in."""
    question = [{"role": "user", "content": ""}]
    catalog, _ = render(question, template=template, tools=msgspec.json.decode(tools))
    stand_in, _ = render(question, template=template, tools=STAND_IN_TOOLS)
    start = common_prefix_length(catalog, stand_in)
    behind = common_prefix_length(catalog[start:][::-1], stand_in[start:][::-1])
    return CatalogText(
        catalog=catalog[start : len(catalog) - behind],
        stand_in=stand_in[start : len(stand_in) - behind],
        name_at=stand_in.find(NAME) - start,
    )


def common_prefix_length(one: str, other: str) -> int:
    """How many characters two texts have in common from the start."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[low:middle] == other[low:middle] else (low, middle - 1)
    return low
