"""Count the tokens that a catalog mode saves in every prompt.

Invariant: readiness, rows and report show the same figure, because all count here. Both prompts are rendered by the
format's own template, so call instructions and separators that come with a catalog count too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolft_pipeline.chat.formats.chat_format import ChatFormat
from toolft_pipeline.chat.rendering.rendering import render
from toolft_pipeline.settings import CatalogMode

if TYPE_CHECKING:
    from tokenizers import Tokenizer


def catalog_tokens_saved_for_model(
    base: Path, tools: list[dict[str, Any]], *, chat_format: ChatFormat, mode: CatalogMode
) -> int:
    """`catalog_tokens_saved` with the tokenizer in a model's folder."""
    tokenizer = _tokenizer(base / "tokenizer.json")
    return catalog_tokens_saved(
        tools,
        chat_format=chat_format,
        mode=mode,
        encode=lambda text: tokenizer.encode(text, add_special_tokens=False).ids,
    )


@lru_cache(maxsize=1)
def _tokenizer(file: Path) -> Tokenizer:
    """Cached, because Gemma's takes a second to load and a run renders many days."""
    from tokenizers import Tokenizer

    loaded: Tokenizer = Tokenizer.from_file(str(file))
    return loaded


def catalog_tokens_saved(
    tools: list[dict[str, Any]], *, chat_format: ChatFormat, mode: CatalogMode, encode: Callable[[str], Sequence[int]]
) -> int:
    """Tokens of a prompt with the whole catalog (OpenAI `tools`) minus tokens of the same prompt in `mode`."""
    template = chat_format.template(catalog_mode=mode)
    return catalog_tokens_saved_by_template(tools, chat_format=chat_format, template=template, encode=encode)


def catalog_tokens_saved_by_template(
    tools: list[dict[str, Any]], *, chat_format: ChatFormat, template: str, encode: Callable[[str], Sequence[int]]
) -> int:
    """The same for a model whose saved template is at hand, not the mode that it was made with."""

    def tokens(of: str) -> int:
        messages = [{"role": "user", "content": "?"}]
        text, _ = render(messages, template=of, tools=tools, add_generation_prompt=True)
        return len(encode(text))

    return tokens(chat_format.template(catalog_mode=CatalogMode.FULL)) - tokens(template)
