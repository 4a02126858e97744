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
from toolft_pipeline.chat.chat_format import ChatFormat
from toolft_pipeline.chat.conversation import WithoutTools, trajectory_messages, with_system_prompt
from toolft_pipeline.chat.formats import get_format
from toolft_pipeline.chat.parsing import ParsedTurn, parse_assistant
from toolft_pipeline.chat.pasted_tools import PastedTools
from toolft_pipeline.chat.serving import serving_prompt
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
    """The tools' names, and golden runs as examples."""
    FULL_CATALOG = "full_catalog"
    """Every tool with its schema; a base model that knows no chat template sees the examples too."""


@dataclass(frozen=True, kw_only=True)
class ModelUnderTest:
    """A model folder in Hugging Face layout and how it is prompted; `name` is its key in metrics.json."""

    name: str
    folder: Path
    policy: PromptPolicy = PromptPolicy.NONE


class Prompter(Protocol):
    """Messages to token ids, and an answer to what an agent would take it for."""

    @property
    def stops(self) -> tuple[str, ...]:
        """Texts that end an assistant turn, tokens or not."""

    def prompt(self, messages: list[dict[str, Any]]) -> list[int]:
        """Ids before the next assistant turn."""

    def read(self, generation: Generation) -> ParsedTurn:
        """The turn. One without an end in sight is malformed: a server would cut it, an agent take it for whole."""


@dataclass(frozen=True, kw_only=True)
class ServedPrompter:
    """A tuned model: the template saved with its tokenizer, given what a server is given."""

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
        """By the format's parser."""
        return read_turn(generation, self.chat_format)


@dataclass(frozen=True, kw_only=True)
class OwnTemplatePrompter:
    """An untuned chat model: its own template, with catalog, calls and results written as text.

    The syntax is Hermes function calling (NousResearch 2024): `<tool_call>` JSON in the answer, `<tool_response>` in
    a user turn.
    """

    tokenizer: PreTrainedTokenizerBase
    chat_format: ChatFormat
    catalog: str
    examples: tuple[dict[str, Any], ...] = ()

    @property
    def stops(self) -> tuple[str, ...]:
        """The tokenizer's end of sequence and the usual ends of a turn."""
        return (str(self.tokenizer.eos_token), "<|im_end|>", "<end_of_turn>")

    def prompt(self, messages: list[dict[str, Any]]) -> list[int]:
        """The model's own template over plain turns; the catalog follows the system prompt."""
        system, turns = _split(messages)
        head = {"role": "system", "content": system + self.catalog}
        plain = [_plain_turn(message) for message in (*self.examples, *turns)]
        text = self.tokenizer.apply_chat_template([head, *plain], tokenize=False, add_generation_prompt=True)
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    def read(self, generation: Generation) -> ParsedTurn:
        """By the agent's format, whose call syntax the catalog text asks for."""
        return read_turn(generation, self.chat_format)


@dataclass(frozen=True, kw_only=True)
class TranscriptPrompter:
    """An untuned base model: a transcript in plain text, turns between empty lines.

    A pretrained model has never seen a chat format's control tokens: asked in that format, Gemma 3 270M writes the
    right calls but no end of turn. A transcript gives it a fair chance.
    """

    tokenizer: PreTrainedTokenizerBase
    chat_format: ChatFormat
    catalog: str
    examples: tuple[dict[str, Any], ...] = ()

    @property
    def stops(self) -> tuple[str, ...]:
        """An empty line, or the next speaker where the model forgets it."""
        return ("\n\n", "\nUser:", "\nTool:", str(self.tokenizer.eos_token))

    def prompt(self, messages: list[dict[str, Any]]) -> list[int]:
        """The transcript so far, up to the assistant's cue."""
        system, turns = _split(messages)
        lines = [_transcript_turn(message) for message in (*self.examples, *turns)]
        text = "\n\n".join([system + self.catalog, *lines, "Assistant:"])
        ids: list[int] = self.tokenizer(text)["input_ids"]
        return ids

    def read(self, generation: Generation) -> ParsedTurn:
        """By the agent's format, in whose call syntax the examples are written."""
        return read_turn(generation, self.chat_format)


def make_prompter(
    model: ModelUnderTest, *, settings: AgentSettings, catalog: Catalog, tokenizer: PreTrainedTokenizerBase
) -> Prompter:
    """The prompter of a model's policy: untuned chat models through their own template, base models as a transcript."""
    chat_format = get_format(settings.chat.format)
    if model.policy is PromptPolicy.NONE:
        return ServedPrompter(
            tokenizer=tokenizer,
            chat_format=chat_format,
            system_prompt=settings.chat.system_prompt,
            tools=catalog.openai_tools(),
            without_tools=PastedTools({tool.name: tool.description for tool in catalog.tools}).without,
        )
    text = _catalog_text(catalog, full=model.policy is PromptPolicy.FULL_CATALOG)
    examples = few_shot_messages(read_golden(settings), count=settings.evaluation.few_shot)
    installed = {chat_format.template(catalog_mode=mode) for mode in CatalogMode}
    if tokenizer.chat_template and tokenizer.chat_template not in installed:
        shown = examples if model.policy is PromptPolicy.FEW_SHOT else ()
        return OwnTemplatePrompter(tokenizer=tokenizer, chat_format=chat_format, catalog=text, examples=shown)
    return TranscriptPrompter(tokenizer=tokenizer, chat_format=chat_format, catalog=text, examples=examples)


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


def _catalog_text(catalog: Catalog, *, full: bool) -> str:
    """The catalog and the call syntax as text for a system prompt."""
    if full:
        listed = "\n".join(json.dumps(tool, ensure_ascii=False) for tool in catalog.openai_tools())
    else:
        listed = ", ".join(catalog.names)
    return (
        f"\nTools:\n{listed}\n"
        'To call a tool, answer with <tool_call>{"name": ..., "arguments": {...}}</tool_call>, once for each call. '
        "When no call is needed, answer in plain text."
    )


def _split(messages: list[dict[str, Any]]) -> tuple[str, list[dict[str, Any]]]:
    """The system prompt's text, and the turns."""
    systems = [message["content"] or "" for message in messages if message["role"] == Role.SYSTEM]
    return "\n".join(systems), [message for message in messages if message["role"] != Role.SYSTEM]


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


def _transcript_turn(message: dict[str, Any]) -> str:
    """`Speaker: text`, empty lines taken out, as they end a turn."""
    speaker = {Role.USER: "User", Role.TOOL: "Tool"}.get(message["role"], "Assistant")
    text = (message.get("content") or "") if message["role"] == Role.TOOL else _plain_turn(message)["content"]
    return f"{speaker}: " + "\n".join(line for line in text.splitlines() if line.strip())
