"""The tokenizer that is saved with a model, and the prompt that any server builds with it.

Invariant: one saved template serves training, evaluation and every server; there is no second way to make a prompt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from toolft_pipeline.chat.formats.chat_format import ChatFormat
from toolft_pipeline.chat.rendering.conversation import template_messages
from toolft_pipeline.settings import CatalogMode

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class ServingPrompt(NamedTuple):
    """What a server feeds the model before a turn."""

    text: str
    ids: list[int]


def install(tokenizer: PreTrainedTokenizerBase, chat_format: ChatFormat, catalog_mode: CatalogMode) -> None:
    """Give a tokenizer the format's template and parser; `save_pretrained` keeps both."""
    tokenizer.chat_template = chat_format.template(catalog_mode=catalog_mode)
    tokenizer.response_template = dict(chat_format.response_template)


def token_id(tokenizer: PreTrainedTokenizerBase, token: str) -> int | None:
    """The id of a text that a tokenizer has as one token; None where it writes it in pieces or as `<unk>`."""
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

    `catalog_mode` overrides the mode that was installed (the untuned base gets the full catalog, say).
    """
    override = {} if catalog_mode is None else {"catalog_mode": catalog_mode.value}
    text: str = tokenizer.apply_chat_template(
        template_messages(messages), tools=tools, tokenize=False, add_generation_prompt=True, **override
    )
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ServingPrompt(text=text, ids=ids)
