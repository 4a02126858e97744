"""Ask the base model, and keep the answers that can be taught.

Invariant: a kept answer is the base model's own text, unchanged but for white space at its ends. Nothing is written for
it, and an answer that is left out is counted with its reason.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolft_pipeline.catalog.tool import Catalog
from toolft_pipeline.chat.formats import get_format
from toolft_pipeline.chat.rendering.conversation import trajectory_messages
from toolft_pipeline.chat.rendering.pasted_tools import PastedTools
from toolft_pipeline.evaluation.models.baselines import (
    NativePrompter,
    OwnTemplatePrompter,
    TranscriptPrompter,
    catalog_text,
)
from toolft_pipeline.evaluation.models.generation import Generation, Generator
from toolft_pipeline.evaluation.models.prompting import ModelUnderTest, Prompter, PromptPolicy, make_prompter
from toolft_pipeline.replay_rows.conversations import Conversation, Offer, offered_catalog
from toolft_pipeline.replay_rows.questions import EXAMPLES, QuestionKind
from toolft_pipeline.settings import CatalogMode, ChatSettings

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

MakeGenerator = Callable[[Sequence[str]], Generator]
"""A generator of the base model's answers; it is given the texts that end one."""

_DECLINES = (
    "cannot", "can't", "can not", "unable", "not able", "sorry", "not possible", "impossible", "don't", "do not",
    "won't", "unfortunately", "not allowed", "no,", "afraid",
)  # fmt: skip


class LeftOut(StrEnum):
    """Why an answer does not become a row."""

    UNFINISHED = "unfinished"
    """It has more tokens than `training.replay_max_tokens`."""
    EMPTY = "empty"
    CALLS_A_TOOL = "calls_a_tool"
    """It calls a tool or tries to."""
    REPEATS_QUESTION = "repeats_question"
    CLAIMS_TO_ACT = "claims_to_act"
    """It neither declines a wish that nothing can fulfil nor asks back: taught, it would promise what never happens."""
    CONTROL_STRING = "control_string"
    """It holds a control string of the chat format, which a trained answer may not."""


@dataclass(frozen=True, kw_only=True)
class BaseAnswer:
    """The base model's answer to a conversation; `left_out` is None where it becomes a row."""

    conversation: Conversation
    text: str
    left_out: LeftOut | None


def ask_base(
    conversations: Sequence[Conversation],
    *,
    folder: Path,
    tokenizer: PreTrainedTokenizerBase,
    chat: ChatSettings,
    catalog: Catalog,
    generator: MakeGenerator,
) -> list[BaseAnswer]:
    """Ask every conversation once, greedily; conversations with the same tools are decoded together."""
    answers: dict[str, BaseAnswer] = {}
    for offer in Offer:
        group = [each for each in conversations if each.offer is offer]
        if not group:
            continue
        offered = offered_catalog(catalog, offer)
        prompter = base_prompter(folder, tokenizer=tokenizer, chat=chat, catalog=offered)
        finder = PastedTools({tool.name: tool.description for tool in catalog.tools})
        prompts = [
            prompter.prompt(
                trajectory_messages(
                    each.trajectory("", None), system_prompt=chat.system_prompt, without_tools=finder.without
                )
            )
            for each in group
        ]
        for each, generation in zip(group, generator(prompter.stops).generate(prompts), strict=True):
            answers[each.id] = _read(each, generation, prompter=prompter, chat=chat)
    return [answers[each.id] for each in conversations]


def base_prompter(
    folder: Path, *, tokenizer: PreTrainedTokenizerBase, chat: ChatSettings, catalog: Catalog
) -> Prompter:
    """Prompt the base as evaluation prompts it, with the tools that `chat.catalog_mode` shows and no run of the agent.

    A base without a chat template continues a transcript that begins with `EXAMPLES`.
    """
    full = chat.catalog_mode is CatalogMode.FULL
    policy = PromptPolicy.FULL_CATALOG if full else PromptPolicy.FEW_SHOT
    model = ModelUnderTest(name="base", folder=folder, policy=policy)
    prompter = make_prompter(model, chat=chat, catalog=catalog, tokenizer=tokenizer, examples=lambda: ())
    shown = bool(catalog.tools) and chat.catalog_mode is not CatalogMode.NONE
    if isinstance(prompter, NativePrompter):
        return prompter if shown else replace(prompter, tools=())
    text = catalog_text(catalog, full=full) if shown else ""
    if isinstance(prompter, TranscriptPrompter):
        return replace(prompter, catalog=text, examples=_examples())
    if isinstance(prompter, OwnTemplatePrompter):
        return replace(prompter, catalog=text)
    return prompter


def _examples() -> tuple[dict[str, Any], ...]:
    return tuple(
        message
        for question, answer in EXAMPLES
        for message in ({"role": "user", "content": question}, {"role": "assistant", "content": answer})
    )


def _read(conversation: Conversation, generation: Generation, *, prompter: Prompter, chat: ChatSettings) -> BaseAnswer:
    turn = prompter.read(generation)
    text = (turn.text if generation.finished else generation.text).strip()

    def because() -> LeftOut | None:
        if not generation.finished:
            return LeftOut.UNFINISHED
        if turn.calls or turn.malformed:
            return LeftOut.CALLS_A_TOOL
        if not text:
            return LeftOut.EMPTY
        if text.casefold() == conversation.question.user.strip().casefold():
            return LeftOut.REPEATS_QUESTION
        if get_format(chat.format).first_control_string(text) is not None:
            return LeftOut.CONTROL_STRING
        if conversation.question.kind is QuestionKind.WISH and not _declines(text):
            return LeftOut.CLAIMS_TO_ACT
        return None

    return BaseAnswer(conversation=conversation, text=text, left_out=because())


def _declines(text: str) -> bool:
    return text.endswith("?") or any(word in text.casefold().replace("\u2019", "'") for word in _DECLINES)
