"""The templates that the families' makers ship, as TRL carries them, and its training versions of some of them."""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path
from typing import Any

from toolft_pipeline_tests.chat.family_cases import FAMILY_CASES

OFFICIAL = {name: (case.official, dict(case.official_names)) for name, case in FAMILY_CASES.items()}

TRAINING = {name: case.training for name, case in FAMILY_CASES.items() if case.training is not None}


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
