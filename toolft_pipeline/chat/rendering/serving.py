"""The tokenizer that is saved with a model, and the prompt that any server builds with it.

Invariant: one saved template serves training, evaluation and every server; there is no second way to make a prompt.
"""

from __future__ import annotations

import tempfile
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from toolft_pipeline.chat.formats import get_format
from toolft_pipeline.chat.formats.chat_format import ChatFormat
from toolft_pipeline.chat.rendering.conversation import template_messages
from toolft_pipeline.settings import CatalogMode

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class ServingPrompt(NamedTuple):
    """What a server feeds the model before a turn."""

    text: str
    ids: list[int]


def install_chat_format(tokenizer: PreTrainedTokenizerBase, chat_format: ChatFormat, catalog_mode: CatalogMode) -> None:
    """Set the format's template and parser on a tokenizer; `save_pretrained` writes both."""
    tokenizer.chat_template = chat_format.template(catalog_mode=catalog_mode)
    tokenizer.response_template = dict(chat_format.response_template)


@lru_cache(maxsize=3)
def saved_tokenizer(folder: str, format_name: str, catalog_mode: CatalogMode) -> PreTrainedTokenizerBase:
    """The base model's tokenizer with the format installed, saved and loaded again, as a server will load it.

    Cached, because loading Gemma's takes seconds and a run encodes many days.
    """
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    install_chat_format(tokenizer, get_format(format_name), catalog_mode)
    with tempfile.TemporaryDirectory() as scratch:
        tokenizer.save_pretrained(scratch)
        saved: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(scratch)
    return saved


def token_id(tokenizer: PreTrainedTokenizerBase, token: str) -> int | None:
    """The id of a text that is one token of a tokenizer; None where it is several tokens or `<unk>`."""
    ids: list[int] = tokenizer(token, add_special_tokens=False)["input_ids"]
    return ids[0] if len(ids) == 1 and tokenizer.convert_ids_to_tokens(ids[0]) == token else None


def serving_prompt(
    messages: list[dict[str, Any]],
    *,
    tokenizer: PreTrainedTokenizerBase,
    tools: list[dict[str, Any]] | None = None,
    catalog_mode: CatalogMode | None = None,
) -> ServingPrompt:
    """The prompt before the next assistant turn, from OpenAI messages and tools and an installed tokenizer.

    `catalog_mode` overrides the installed mode (the base model gets the full catalog, say).
    """
    override = {} if catalog_mode is None else {"catalog_mode": catalog_mode.value}
    text: str = tokenizer.apply_chat_template(
        template_messages(messages), tools=tools, tokenize=False, add_generation_prompt=True, **override
    )
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ServingPrompt(text=text, ids=ids)
