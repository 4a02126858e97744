"""The registry of chat formats. A test names the parts that a new one lacks (`test_every_format_has_all_its_parts`)."""

from __future__ import annotations

from toolft_pipeline.chat.formats.chat_format import ChatFormat, ChatFormatError
from toolft_pipeline.chat.formats.chatml import CHATML
from toolft_pipeline.chat.formats.gemma3 import GEMMA3
from toolft_pipeline.chat.formats.gemma4 import GEMMA4
from toolft_pipeline.chat.formats.llama3 import LLAMA3
from toolft_pipeline.chat.formats.qwen3 import QWEN3

FORMATS = {chat_format.name: chat_format for chat_format in (GEMMA3, GEMMA4, QWEN3, LLAMA3, CHATML)}


def get_format(name: str) -> ChatFormat:
    """The registered format of a name. Raises `ChatFormatError`."""
    try:
        return FORMATS[name]
    except KeyError:
        known = ", ".join(sorted(FORMATS))
        raise ChatFormatError(f"chat.format: no chat format named {name!r}; known: {known}") from None


def image_formats() -> str:
    """Names of the formats that render images, for a message."""
    return " or ".join(name for name, chat_format in FORMATS.items() if chat_format.images is not None)
