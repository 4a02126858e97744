"""How each model under test is prompted, and how its answer is parsed.

Invariant: a tuned model is prompted through the template saved with it and nothing else, exactly as a server would.
Baselines are prompted as `baselines` describes.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from toolft_pipeline.catalog.tool import Catalog
from toolft_pipeline.chat.formats import get_format
from toolft_pipeline.chat.formats.chat_format import ChatFormat
from toolft_pipeline.chat.rendering.conversation import WithoutTools, with_system_prompt
from toolft_pipeline.chat.rendering.parsing import ParsedTurn
from toolft_pipeline.chat.rendering.pasted_tools import PastedTools
from toolft_pipeline.chat.rendering.serving import install_chat_format, serving_prompt
from toolft_pipeline.evaluation.models.baselines import (
    NativePrompter,
    OwnTemplatePrompter,
    TranscriptPrompter,
    catalog_text,
    native_tool_format,
    own_template,
)
from toolft_pipeline.evaluation.models.generation import Generation
from toolft_pipeline.evaluation.models.reading import read_turn
from toolft_pipeline.settings import CatalogMode, ChatSettings
from toolft_pipeline.settings.evaluation import Variant

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class PromptPolicy(StrEnum):
    """What the prompt holds besides the conversation."""

    NONE = "none"
    """Nothing: the model's saved template as a server uses it."""
    FEW_SHOT = "few_shot"
    """The tools' names, and golden runs as examples."""
    FULL_CATALOG = "full_catalog"
    """Every tool with its schema; a base model without a chat template sees the examples too."""


@dataclass(frozen=True, kw_only=True)
class ModelUnderTest:
    """A model folder in Hugging Face layout and its prompt policy; `name` is its key in metrics.json."""

    name: str
    folder: Path
    policy: PromptPolicy = PromptPolicy.NONE
    variant: Variant | None = None
    """The safety net that it is evaluated behind."""


class Prompter(Protocol):
    """Turns messages into token ids, and an answer into the turn that an agent would see."""

    @property
    def stops(self) -> tuple[str, ...]:
        """Texts that end an assistant turn, single tokens or not."""

    def prompt(self, messages: list[dict[str, Any]]) -> list[int]:
        """Token ids before the next assistant turn."""

    def read(self, generation: Generation) -> ParsedTurn:
        """The parsed turn. An unfinished one is malformed: a server would cut it, and the agent not notice."""


@dataclass(frozen=True, kw_only=True)
class ServedPrompter:
    """Prompts a tuned model through the template saved with its tokenizer, with a server's inputs."""

    tokenizer: PreTrainedTokenizerBase
    chat_format: ChatFormat
    system_prompt: str
    tools: list[dict[str, Any]]
    without_tools: WithoutTools | None = None

    @property
    def stops(self) -> tuple[str, ...]:
        """The format's stop tokens."""
        return self.chat_format.stop_tokens

    def prompt(self, messages: list[dict[str, Any]]) -> list[int]:
        """The serving prompt of the history."""
        served = with_system_prompt(messages, policy=self.system_prompt, without_tools=self.without_tools)
        return serving_prompt(served, tokenizer=self.tokenizer, tools=self.tools).ids

    def read(self, generation: Generation) -> ParsedTurn:
        """Parse with the format's parser."""
        return read_turn(generation, self.chat_format)


def make_prompter(
    model: ModelUnderTest,
    *,
    chat: ChatSettings,
    catalog: Catalog,
    tokenizer: PreTrainedTokenizerBase,
    examples: Callable[[], tuple[dict[str, Any], ...]],
    with_catalog: bool = False,
) -> Prompter:
    """Choose how a model is prompted; `with_catalog` shows every tool with its schema, whatever its policy is.

    A tuned model gets its saved template, and for the catalog that of the same format with the full tools. A baseline
    chat model gets its family's own tool syntax, a base model a transcript; `examples` gives the messages that these
    two see as examples, and is called for them alone.
    """
    chat_format = get_format(chat.format)
    if model.policy is PromptPolicy.NONE:
        return ServedPrompter(
            tokenizer=_with_full_tools(tokenizer, chat_format) if with_catalog else tokenizer,
            chat_format=chat_format,
            system_prompt=chat.system_prompt,
            tools=catalog.openai_tools(),
            without_tools=PastedTools({tool.name: tool.description for tool in catalog.tools}).without,
        )
    full = with_catalog or model.policy is PromptPolicy.FULL_CATALOG
    shots = examples()
    shots_unless_full = () if full else shots
    installed = {chat_format.template(catalog_mode=mode) for mode in CatalogMode}
    template = own_template(tokenizer)
    if not template or template in installed:
        text = catalog_text(catalog, full=full)
        return TranscriptPrompter(tokenizer=tokenizer, chat_format=chat_format, catalog=text, examples=shots)
    native = native_tool_format(tokenizer)
    if native is None:
        text = catalog_text(catalog, full=full)
        return OwnTemplatePrompter(
            tokenizer=tokenizer, chat_format=chat_format, catalog=text, examples=shots_unless_full
        )
    return NativePrompter(
        tokenizer=tokenizer,
        chat_format=native,
        tools=tuple(catalog.openai_tools()),
        catalog_mode=CatalogMode.FULL if full else CatalogMode.NAMES,
        examples=shots_unless_full,
    )


def _with_full_tools(tokenizer: PreTrainedTokenizerBase, chat_format: ChatFormat) -> PreTrainedTokenizerBase:
    """The tokenizer with the format's template that lists the tools with their schemas."""
    other = copy(tokenizer)
    install_chat_format(other, chat_format, CatalogMode.FULL)
    return other
