"""How baselines, models without fine-tuning, are prompted: with more help than a server gives, to be fair.

Invariant: a model is prompted and parsed in one syntax. A chat model trained on tools uses its family's own syntax; any
other chat model and a base model get the syntax in words and in examples.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolft_pipeline.catalog.tool import Catalog
from toolft_pipeline.chat.formats import FORMATS
from toolft_pipeline.chat.formats.chat_format import ChatFormat
from toolft_pipeline.chat.formats.chatml import CHATML
from toolft_pipeline.chat.formats.hermes import MARKERS
from toolft_pipeline.chat.rendering.conversation import template_messages, trajectory_messages
from toolft_pipeline.chat.rendering.parsing import ParsedTurn
from toolft_pipeline.evaluation.models.generation import Generation
from toolft_pipeline.evaluation.models.reading import read_native, read_turn
from toolft_pipeline.settings import CatalogMode
from toolft_pipeline.trajectories.category import categorize
from toolft_pipeline.trajectories.record import Role, Trajectory

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def native_tool_format(tokenizer: PreTrainedTokenizerBase) -> ChatFormat | None:
    """The tool call format that a chat model was trained on, by its own template; None if that has no tools.

    A format matches if the template holds all its `native_template_texts`; of several the one with the most texts wins.
    """
    template = own_template(tokenizer)
    if "tools" not in template:
        return None
    texts = {name: each.native_template_texts for name, each in FORMATS.items() if each.native_template_texts}
    matching = [name for name in texts if all(text in template for text in texts[name])]
    return FORMATS[max(matching, key=lambda name: len(texts[name]))] if matching else None


def own_template(tokenizer: PreTrainedTokenizerBase) -> str:
    """The template of a tokenizer, the one for tools if there are several; "" for none."""
    template = tokenizer.chat_template or ""
    if isinstance(template, dict):
        template = template.get("tool_use") or template.get("default") or ""
    return str(template)


@dataclass(frozen=True, kw_only=True)
class NativePrompter:
    """Prompts a chat model trained on tools: its family's template with the tools in the prompt.

    The text is the installed format's (see `chat.formats`), which equals the official template's wherever that is
    right; the official one refuses parallel calls in the history, or drops the text beside a call.
    """

    tokenizer: PreTrainedTokenizerBase
    chat_format: ChatFormat
    tools: tuple[dict[str, Any], ...]
    catalog_mode: CatalogMode = CatalogMode.FULL
    examples: tuple[dict[str, Any], ...] = ()

    @property
    def stops(self) -> tuple[str, ...]:
        """The format's stop tokens."""
        return self.chat_format.stop_tokens

    def prompt(self, messages: list[dict[str, Any]]) -> list[int]:
        """The serving prompt of the history, with the examples after the system prompt."""
        systems = [message for message in messages if message["role"] == Role.SYSTEM]
        turns = [message for message in messages if message["role"] != Role.SYSTEM]
        text = self.tokenizer.apply_chat_template(
            template_messages([*systems, *self.examples, *turns]),
            tools=list(self.tools) or None,
            chat_template=self.chat_format.template(catalog_mode=self.catalog_mode),
            tokenize=False,
            add_generation_prompt=True,
        )
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    def read(self, generation: Generation) -> ParsedTurn:
        """Parse in the family's syntax."""
        return read_native(generation, self.chat_format)


@dataclass(frozen=True, kw_only=True)
class OwnTemplatePrompter:
    """Prompts a chat model through its own template, with catalog, calls and results written as text.

    The syntax is Hermes function calling (NousResearch 2024): `<tool_call>` JSON in the answer, `<tool_response>` in
    a user turn.
    """

    tokenizer: PreTrainedTokenizerBase
    chat_format: ChatFormat
    catalog: str
    examples: tuple[dict[str, Any], ...] = ()

    @property
    def stops(self) -> tuple[str, ...]:
        """The tokenizer's end of sequence, and what ends a turn in any registered format."""
        ends = (chat_format.stop_tokens[0] for chat_format in FORMATS.values())
        return tuple(dict.fromkeys((str(self.tokenizer.eos_token), *ends)))

    def prompt(self, messages: list[dict[str, Any]]) -> list[int]:
        """The model's own template over plain turns; the catalog follows the system prompt."""
        system, turns = _split(messages)
        head = {"role": "system", "content": system + self.catalog}
        plain = [_plain_turn(message) for message in (*self.examples, *turns)]
        text = self.tokenizer.apply_chat_template([head, *plain], tokenize=False, add_generation_prompt=True)
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    def read(self, generation: Generation) -> ParsedTurn:
        """Parse in the syntax that the catalog text asks for."""
        return read_turn(generation, hermes_format(self.chat_format))


@dataclass(frozen=True, kw_only=True)
class TranscriptPrompter:
    """Prompts a base model with a transcript in plain text, turns separated by empty lines.

    A pretrained model has never seen a chat format's control tokens: in that format Gemma 3 270M writes the right
    calls but no end of turn. A transcript gives it a fair chance. Examples stand before the run's own system prompt,
    so that all prompts begin with the same tokens, which are computed once.
    """

    tokenizer: PreTrainedTokenizerBase
    chat_format: ChatFormat
    catalog: str
    examples: tuple[dict[str, Any], ...] = ()

    @property
    def stops(self) -> tuple[str, ...]:
        """An empty line, or the next speaker if the model omits it."""
        return ("\n\n", "\nUser:", "\nTool:", str(self.tokenizer.eos_token))

    def prompt(self, messages: list[dict[str, Any]]) -> list[int]:
        """The transcript so far, up to `Assistant:`."""
        system, turns = _split(messages)
        lines = [_transcript_turn(message) for message in turns]
        head = [system + self.catalog]
        if self.examples:
            own = [f"System: {system}"] if system else []
            head = [self.catalog.lstrip("\n"), *map(_transcript_turn, self.examples), *own]
        text = "\n\n".join([*head, *lines, "Assistant:"])
        ids: list[int] = self.tokenizer(text)["input_ids"]
        return ids

    def read(self, generation: Generation) -> ParsedTurn:
        """Parse in the syntax of the examples."""
        return read_turn(generation, hermes_format(self.chat_format))


def hermes_format(chat_format: ChatFormat) -> ChatFormat:
    """The format to parse Hermes calls by: the agent's own if it uses Hermes calls, else ChatML."""
    return chat_format if chat_format.call_marker == MARKERS[0] else CHATML


def few_shot_messages(golden: Sequence[Trajectory], *, count: int) -> tuple[dict[str, Any], ...]:
    """Messages of `count` golden runs without images, evenly over categories, without system prompts."""
    seen: dict[str, int] = {}
    ranked = []
    for trajectory in sorted(golden, key=lambda run: run.trajectory_id):
        if any(part.image_sha256 is not None for message in trajectory.messages for part in message.content):
            continue
        category = categorize(trajectory.messages)
        ranked.append((seen.get(category, 0), str(category), trajectory))
        seen[category] = seen.get(category, 0) + 1
    chosen = [trajectory for _, _, trajectory in sorted(ranked, key=lambda entry: entry[:2])[:count]]
    return tuple(
        message for run in chosen for message in trajectory_messages(run, system_prompt="strip")
    )  # fmt: skip


def catalog_text(catalog: Catalog, *, full: bool) -> str:
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
    """`Speaker: text` without empty lines, as they end a turn."""
    speaker = {Role.USER: "User", Role.TOOL: "Tool"}.get(message["role"], "Assistant")
    text = (message.get("content") or "") if message["role"] == Role.TOOL else _plain_turn(message)["content"]
    return f"{speaker}: " + "\n".join(line for line in text.splitlines() if line.strip())
