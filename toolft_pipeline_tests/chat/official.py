"""The templates that the families' makers ship, as TRL carries them, and its training versions of some of them."""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path
from typing import Any

OFFICIAL = {
    "gemma3": ("gemma3.jinja", {"bos_token": "<bos>"}),
    "gemma4": ("gemma4_v5.jinja", {"bos_token": "<bos>"}),
    "qwen3": ("qwen3.jinja", {}),
    "llama3": ("llama3_2.jinja", {"bos_token": "<|begin_of_text|>", "date_string": "26 Jul 2024"}),
    "chatml": ("qwen3_instruct_2507.jinja", {}),
}

TRAINING = {
    "gemma3": "gemma3_training.jinja",
    "qwen3": "qwen3_training.jinja",
    "chatml": "qwen3_instruct_2507_training.jinja",
}
"""Those of Gemma 4 and Llama 3.1/3.2 do not exist."""


@functools.cache
def source(file: str) -> str:
    """The text of one of TRL's templates, read without importing TRL."""
    found = importlib.util.find_spec("trl")
    assert found is not None
    assert found.origin is not None
    return (Path(found.origin).parent / "chat_templates" / file).read_text(encoding="utf-8")


def official_text(
    format_name: str,
    messages: list[dict[str, Any]],
    *,
    tools: list[dict[str, Any]] | None = None,
    add_generation_prompt: bool = False,
) -> str:
    """What the official template makes of messages."""
    file, names = OFFICIAL[format_name]
    return _rendered(messages, tools=tools, file=file, add_generation_prompt=add_generation_prompt, **names)[0]


def training_text(format_name: str, messages: list[dict[str, Any]]) -> tuple[str, list[tuple[int, int]]]:
    """What TRL trains on: its text, and the character spans that carry loss."""
    return _rendered(messages, file=TRAINING[format_name], **OFFICIAL[format_name][1])


def _rendered(messages: list[dict[str, Any]], *, file: str, **names: Any) -> tuple[str, list[tuple[int, int]]]:
    from transformers.utils.chat_template_utils import render_jinja_template

    texts, spans = render_jinja_template(
        [messages], chat_template=source(file), return_assistant_tokens_mask=True, **names
    )
    return texts[0], spans[0]
