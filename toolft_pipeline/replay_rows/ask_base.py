"""Ask the base model, and keep the answers that can be taught.

Invariant: a kept answer is the base model's own text, unchanged but for white space at its ends. Nothing is written for
it, and an answer that is left out is counted with its reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolft_pipeline.catalog.tool import Catalog
from toolft_pipeline.chat.formats import get_format
from toolft_pipeline.chat.formats.hermes import MARKERS
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
from toolft_pipeline.replay_rows.questions import EXAMPLES, WISH_EXAMPLES, QuestionKind
from toolft_pipeline.settings import CatalogMode, ChatSettings

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

MakeGenerator = Callable[[Sequence[str]], Generator]
"""A generator of the base model's answers; it is given the texts that end one."""

MOST_ALIKE = 12
"""Rows with the same answer: a base that says one sentence to everything would teach that sentence."""

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
    GIVEN_OFTEN = "given_often"
    """`MOST_ALIKE` other questions have the same answer."""
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
    for offer, wish in product(Offer, (False, True)):
        group = [
            each for each in conversations if each.offer is offer and (each.question.kind is QuestionKind.WISH) is wish
        ]
        if not group:
            continue
        offered, examples = offered_catalog(catalog, offer), WISH_EXAMPLES if wish else EXAMPLES
        prompter = base_prompter(folder, tokenizer=tokenizer, chat=chat, catalog=offered, examples=examples)
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
    return _without_frequent([answers[each.id] for each in conversations])


def base_prompter(
    folder: Path,
    *,
    tokenizer: PreTrainedTokenizerBase,
    chat: ChatSettings,
    catalog: Catalog,
    examples: Sequence[tuple[str, str]] = EXAMPLES,
) -> Prompter:
    """Prompt the base as evaluation prompts it, with the tools that `chat.catalog_mode` shows and no run of the agent.

    A base without a chat template continues a transcript that begins with the examples.
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
        return replace(prompter, catalog=text, examples=_messages(examples))
    if isinstance(prompter, OwnTemplatePrompter):
        return replace(prompter, catalog=text)
    return prompter


def _messages(examples: Sequence[tuple[str, str]]) -> tuple[dict[str, Any], ...]:
    return tuple(
        message
        for question, answer in examples
        for message in ({"role": "user", "content": question}, {"role": "assistant", "content": answer})
    )


def _read(conversation: Conversation, generation: Generation, *, prompter: Prompter, chat: ChatSettings) -> BaseAnswer:
    turn = prompter.read(generation)
    text = (turn.text if generation.finished else generation.text).strip()
    wish = conversation.question.kind is QuestionKind.WISH
    chat_format = get_format(chat.format)
    marked = any(marker in text for marker in (chat_format.call_marker, MARKERS[0]))
    control = chat_format.first_control_string(text) is not None
    reasons = {
        LeftOut.UNFINISHED: not generation.finished,
        LeftOut.CALLS_A_TOOL: bool(turn.calls) or marked or (bool(turn.malformed) and not control),
        LeftOut.CONTROL_STRING: control,
        LeftOut.EMPTY: not text,
        LeftOut.REPEATS_QUESTION: text.casefold() == conversation.question.user.strip().casefold(),
        LeftOut.CLAIMS_TO_ACT: wish and not _declines(text),
    }
    left_out = next((reason for reason, holds in reasons.items() if holds), None)
    return BaseAnswer(conversation=conversation, text=text, left_out=left_out)


def _without_frequent(answers: Sequence[BaseAnswer]) -> list[BaseAnswer]:
    """The answers, of which one that was given too often is left out where it comes again."""
    given: Counter[str] = Counter()
    kept = []
    for each in answers:
        if each.left_out is None:
            given[each.text] += 1
        often = each.left_out is None and given[each.text] > MOST_ALIKE
        kept.append(replace(each, left_out=LeftOut.GIVEN_OFTEN) if often else each)
    return kept


def _declines(text: str) -> bool:
    return text.endswith("?") or any(word in text.casefold().replace("\u2019", "'") for word in _DECLINES)
