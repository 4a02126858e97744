"""What the catalog mode in force leaves out of every prompt, in tokens.

Invariant: both prompts are rendered by the format's own template, so call instructions and separators that come with a
catalog count too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from toolft_pipeline.chat.chat_format import ChatFormat
from toolft_pipeline.chat.rendering import render
from toolft_pipeline.settings import CatalogMode


def catalog_tokens_saved(
    tools: list[dict[str, Any]], *, chat_format: ChatFormat, mode: CatalogMode, encode: Callable[[str], Sequence[int]]
) -> int:
    """Tokens of a prompt with the whole catalog (OpenAI `tools`) minus tokens of the same prompt in `mode`."""

    def tokens(shown: CatalogMode) -> int:
        messages = [{"role": "user", "content": "?"}]
        template = chat_format.template(catalog_mode=shown)
        text, _ = render(messages, template=template, tools=tools, add_generation_prompt=True)
        return len(encode(text))

    return tokens(CatalogMode.FULL) - tokens(mode)
