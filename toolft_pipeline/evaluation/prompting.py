"""What each model under test is shown, and how its answer is read.

Invariant: a tuned model is prompted through the template saved with it and nothing else, exactly as a server would.
Untuned models get help that no server gives (examples, the catalog), so that the comparison is not with a straw man.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from toolft_pipeline.catalog.tool import Catalog
from toolft_pipeline.chat.conversation import trajectory_messages, with_system_prompt
from toolft_pipeline.chat.formats import ChatFormat, get_format
from toolft_pipeline.chat.parsing import ParsedTurn, parse_assistant
from toolft_pipeline.chat.serving import install, serving_prompt
from toolft_pipeline.evaluation.generation import Generation
from toolft_pipeline.settings import AgentSettings, CatalogMode
from toolft_pipeline.trajectories.category import categorize
from toolft_pipeline.trajectories.day import read_golden
from toolft_pipeline.trajectories.record import Role, Trajectory

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class PromptPolicy(StrEnum):
    """What stands in the prompt beside the conversation."""

    NONE = "none"
    """Nothing: the model's saved template as a server uses it."""
    FEW_SHOT = "few_shot"
    """The tools' names and golden runs as examples, in the agent's chat format."""
    FULL_CATALOG = "full_catalog"
    """Every tool with its schema: in the agent's chat format, or through the model's own template if it has one."""


@dataclass(frozen=True, kw_only=True)
class ModelUnderTest:
    """A model folder in Hugging Face layout and how it is prompted; `name` is its key in metrics.json."""

    name: str
    folder: Path
    policy: PromptPolicy = PromptPolicy.NONE


class Prompter(Protocol):
    """Messages to token ids, and an answer to what an agent would take it for."""

    @property
    def stop_tokens(self) -> tuple[str, ...]:
        """What ends an assistant turn."""

    def prompt(self, messages: list[dict[str, Any]]) -> list[int]:
        """Ids before the next assistant turn."""

    def read(self, generation: Generation) -> ParsedTurn:
        """The turn. One without an end in sight is malformed: a server would cut it, an agent take it for whole."""


@dataclass(frozen=True, kw_only=True)
class FormatPrompter:
    """Prompts in a registered chat format, through the template that is installed in the tokenizer."""

    tokenizer: PreTrainedTokenizerBase
    chat_format: ChatFormat
    system_prompt: str
    tools: list[dict[str, Any]]
    catalog_mode: CatalogMode | None = None
    examples: tuple[dict[str, Any], ...] = ()

    @property
    def stop_tokens(self) -> tuple[str, ...]:
        """The format's."""
        return self.chat_format.stop_tokens

    def prompt(self, messages: list[dict[str, Any]]) -> list[int]:
        """The serving prompt; examples stand between the system prompt and the conversation."""
        served = with_system_prompt(messages, policy=self.system_prompt)
        head = [message for message in served if message["role"] == Role.SYSTEM]
        rest = [message for message in served if message["role"] != Role.SYSTEM]
        return serving_prompt(
            [*head, *self.examples, *rest],
            tokenizer=self.tokenizer,
            tools=self.tools,
            catalog_mode=self.catalog_mode,
        ).ids

    def read(self, generation: Generation) -> ParsedTurn:
        """By the format's parser."""
        return read_turn(generation, self.chat_format)


@dataclass(frozen=True, kw_only=True)
class OwnTemplatePrompter:
    """Prompts through the model's own chat template, tools and calls written as text in Hermes' syntax.

    Hermes function calling (NousResearch, 2024): schemas in the system prompt, `<tool_call>` JSON in the answer,
    `<tool_response>` in a user turn.
    """

    tokenizer: PreTrainedTokenizerBase
    chat_format: ChatFormat
    tools: list[dict[str, Any]]

    @property
    def stop_tokens(self) -> tuple[str, ...]:
        """The tokenizer's end of sequence, which chat models are tuned to write after each turn."""
        return (str(self.tokenizer.eos_token), "<|im_end|>")

    def prompt(self, messages: list[dict[str, Any]]) -> list[int]:
        """The model's own template over plain turns."""
        systems = [message["content"] or "" for message in messages if message["role"] == Role.SYSTEM]
        turns = [_plain_turn(message) for message in messages if message["role"] != Role.SYSTEM]
        head = {"role": "system", "content": "\n\n".join([*systems, self._instructions()])}
        text = self.tokenizer.apply_chat_template([head, *turns], tokenize=False, add_generation_prompt=True)
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    def read(self, generation: Generation) -> ParsedTurn:
        """By the agent's format, whose call syntax the instructions ask for."""
        return read_turn(generation, self.chat_format)

    def _instructions(self) -> str:
        lines = [json.dumps(tool, ensure_ascii=False) for tool in self.tools]
        return (
            "You have these tools:\n<tools>\n" + "\n".join(lines) + "\n</tools>\n"
            'To call a tool, answer with <tool_call>{"name": ..., "arguments": {...}}</tool_call>, once for each call. '
            "Results come back as <tool_response>. When no call is needed, answer in plain text."
        )


def make_prompter(
    model: ModelUnderTest, *, settings: AgentSettings, catalog: Catalog, tokenizer: PreTrainedTokenizerBase
) -> Prompter:
    """The prompter of a model's policy. An untuned tokenizer gets the agent's template installed."""
    chat_format = get_format(settings.chat.format)
    tools = catalog.openai_tools()
    if model.policy is PromptPolicy.FULL_CATALOG and tokenizer.chat_template:
        return OwnTemplatePrompter(tokenizer=tokenizer, chat_format=chat_format, tools=tools)
    examples: tuple[dict[str, Any], ...] = ()
    mode: CatalogMode | None = None
    if model.policy is not PromptPolicy.NONE:
        mode = CatalogMode.FULL if model.policy is PromptPolicy.FULL_CATALOG else CatalogMode.NAMES
        install(tokenizer, chat_format, mode)
    if model.policy is PromptPolicy.FEW_SHOT:
        examples = few_shot_messages(read_golden(settings), count=settings.evaluation.few_shot)
    return FormatPrompter(
        tokenizer=tokenizer,
        chat_format=chat_format,
        system_prompt=settings.chat.system_prompt,
        tools=tools,
        catalog_mode=mode,
        examples=examples,
    )


def few_shot_messages(golden: Sequence[Trajectory], *, count: int) -> tuple[dict[str, Any], ...]:
    """Messages of `count` golden runs, even over categories, without their system prompts."""
    seen: dict[str, int] = {}
    ranked = []
    for trajectory in sorted(golden, key=lambda run: run.trajectory_id):
        category = categorize(trajectory.messages)
        ranked.append((seen.get(category, 0), str(category), trajectory))
        seen[category] = seen.get(category, 0) + 1
    chosen = [trajectory for _, _, trajectory in sorted(ranked, key=lambda entry: entry[:2])[:count]]
    return tuple(
        message for run in chosen for message in trajectory_messages(run, system_prompt="strip")
    )  # fmt: skip


def read_turn(generation: Generation, chat_format: ChatFormat) -> ParsedTurn:
    """An answer as a turn; one that was cut by the token limit is malformed."""
    if generation.finished:
        return parse_assistant(generation.text, chat_format)
    return ParsedTurn(text=generation.text, malformed=(generation.text,))


def _plain_turn(message: dict[str, Any]) -> dict[str, str]:
    text = message.get("content") or ""
    if message["role"] == Role.TOOL:
        return {"role": "user", "content": f"<tool_response>{text}</tool_response>"}
    lines = [text] if text else []
    for call in message.get("tool_calls") or ():
        function = call["function"]
        called = {"name": function["name"], "arguments": json.loads(function["arguments"])}
        lines.append(f"<tool_call>{json.dumps(called, ensure_ascii=False)}</tool_call>")
    return {"role": message["role"], "content": "\n".join(lines)}
