"""Turns as a format's template writes them, and whether a grammar accepts a text: by bytes, without a vocabulary."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from toolft_pipeline.chat.formats import FORMATS
from toolft_pipeline.chat.formats.chat_format import ChatFormat
from toolft_pipeline.chat.rendering.conversation import template_messages
from toolft_pipeline.settings import CatalogMode
from toolft_pipeline_tests.chat.tokenizers_of_families import stand_in

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

ASKED = [{"role": "user", "content": "?"}]


@dataclass(frozen=True)
class Written:
    """A format and a tokenizer of its family with the template installed."""

    chat_format: ChatFormat
    tokenizer: PreTrainedTokenizerBase

    def turn(self, message: dict[str, Any]) -> str:
        """The text of an assistant turn, without the token that ends it."""
        cue = self._text(ASKED, add_generation_prompt=True)
        whole = self._text([*ASKED, {"role": "assistant", **message}], add_generation_prompt=False)
        assert whole.startswith(cue)
        text = whole[len(cue) :].rstrip("\n")
        stop = next(stop for stop in self.chat_format.stop_tokens if text.endswith(stop))
        return text.removesuffix(stop)

    def calls(self, *calls: tuple[str, dict[str, Any]], text: str | None = None) -> str:
        """The text of a turn with these calls."""
        listed = [
            {"type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
            for name, arguments in calls
        ]
        return self.turn({"content": text, "tool_calls": listed})

    def _text(self, messages: list[dict[str, Any]], *, add_generation_prompt: bool) -> str:
        return str(
            self.tokenizer.apply_chat_template(
                template_messages(messages), tokenize=False, add_generation_prompt=add_generation_prompt
            )
        )


@cache
def written(format_name: str) -> Written:
    """A format with its stand-in tokenizer."""
    chat_format = FORMATS[format_name]
    tokenizer = copy.copy(stand_in(format_name))
    tokenizer.chat_template = chat_format.template(catalog_mode=CatalogMode.NONE)
    return Written(chat_format, tokenizer)


class Acceptor:
    """A compiled grammar. Every token is a byte, so what is accepted does not hang on a vocabulary."""

    def __init__(self, grammar: str) -> None:
        from llguidance import LLMatcher

        self._matcher = LLMatcher(_bytes(), grammar, log_level=0)
        assert not self._matcher.is_error(), self._matcher.get_error()

    def __call__(self, text: str) -> bool:
        """Whether the text is one whole turn of the grammar."""
        matcher = self._matcher.deep_copy()
        raw = text.encode()
        return bool(matcher.try_consume_tokens([*raw]) == len(raw) and matcher.is_accepting())


@cache
def _bytes() -> Any:
    from llguidance import LLTokenizer

    return LLTokenizer("byte")
