"""The candidate behind a safety net of serving: turns under a grammar, or a fallback to an endpoint.

Invariant: the nets are those of the server: the same grammar of the same tools by the same mask, and the same turns
asked of the endpoint. What the endpoint wrote is marked in the answer's text, so that no figure takes it for ours.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import structs

from toolft_pipeline.catalog.tool import Catalog
from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.chat.formats import get_format
from toolft_pipeline.chat.grammar.turn_grammar import special_tokens, turn_grammar
from toolft_pipeline.chat.rendering.parsing import ParsedTurn
from toolft_pipeline.engines.masks.llguidance_masks import LlguidanceMasks
from toolft_pipeline.engines.token_mask import TokenMask
from toolft_pipeline.evaluation.models.endpoint import EndpointError, EndpointModel
from toolft_pipeline.evaluation.models.generation import Generation, Generator
from toolft_pipeline.evaluation.models.generation_cache import GenerationCache, PromptKind
from toolft_pipeline.evaluation.models.prompting import Prompter
from toolft_pipeline.settings import AgentSettings

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

FALLBACK_MARK = "\x02fallback "
"""Begins the text of an answer that the endpoint wrote; a JSON object with its message and its tokens follows."""


class TurnMasks:
    """The grammar of a turn with all tools of the catalog: its masks, and which free turns it would not change."""

    def __init__(
        self, stops: Sequence[str], *, settings: AgentSettings, catalog: Catalog, tokenizer: PreTrainedTokenizerBase
    ) -> None:
        self._masks = LlguidanceMasks(tokenizer, stops=stops)
        chat_format = get_format(settings.chat.format)
        self._grammar = turn_grammar(chat_format, catalog.openai_tools(), special=special_tokens(tokenizer)).text

    def __call__(self) -> TokenMask:
        """The mask of a new turn."""
        return self._masks(self._grammar)

    def allows(self, turn: Generation) -> bool:
        """Whether a turn that was decoded freely is what decoding under the grammar gives."""
        return self._masks.allows(self._grammar, turn.text, finished=turn.finished)


def with_fallback(
    prompter: Prompter,
    turns: Generator,
    *,
    settings: AgentSettings,
    catalog: Catalog,
    answers: GenerationCache,
    progress: Callable[[str], None],
) -> FallbackModel:
    """The model with `serving.fallback.endpoint` behind it; the budget of requests plays no part in an evaluation."""
    name = settings.serving.fallback.endpoint
    if name is None or name not in settings.evaluation.endpoints:
        raise EndpointError(
            f"{settings.name}: evaluation.variants has fallback, and serving.fallback.endpoint names none of "
            "evaluation.endpoints; name one, or leave the variant out"
        )
    endpoint = EndpointModel(
        name=name,
        settings=settings.evaluation.endpoints[name],
        catalog=catalog,
        system_prompt=settings.chat.system_prompt,
        max_new_tokens=settings.evaluation.max_new_tokens,
        progress=lambda line: progress(f"{name}: {line}"),
    )
    return FallbackModel(
        prompter,
        turns,
        endpoint=endpoint,
        asked=answers.generator(PromptKind.FALLBACK, lambda: endpoint, text_of=endpoint.text_of),
        validator=CatalogValidator(catalog),
        invalid_arguments=settings.serving.fallback.invalid_arguments,
    )


class FallbackModel(Prompter, Generator):
    """Prompter and generator in one: our model's prompts and turns, the endpoint's answer where ours cannot be used."""

    def __init__(
        self,
        prompter: Prompter,
        turns: Generator,
        *,
        endpoint: EndpointModel,
        asked: Generator,
        validator: CatalogValidator,
        invalid_arguments: bool,
    ) -> None:
        self._prompter = prompter
        self._turns = turns
        self._endpoint = endpoint
        self._asked = asked
        self._validator = validator
        self._invalid_arguments = invalid_arguments
        self._histories: dict[tuple[int, ...], list[dict[str, Any]]] = {}

    @property
    def stops(self) -> tuple[str, ...]:
        """Our model's."""
        return self._prompter.stops

    def prompt(self, messages: list[dict[str, Any]]) -> list[int]:
        """Our model's prompt of this history."""
        ids = self._prompter.prompt(messages)
        self._histories[tuple(ids)] = messages
        return ids

    def generate(self, prompts: Sequence[Sequence[int]]) -> list[Generation]:
        """Our model's answers, each replaced where it cannot be used and the endpoint's can. Raises `EndpointError`."""
        ours = self._turns.generate(prompts)
        bad = [place for place, answer in enumerate(ours) if not self._is_usable(self._prompter.read(answer))]
        histories = [self._histories[tuple(prompts[place])] for place in bad]
        theirs = self._asked.generate([self._endpoint.prompt(history) for history in histories]) if bad else []
        answers = list(ours)
        for place, answer in zip(bad, theirs, strict=True):
            if self._is_usable(self._endpoint.read(answer), anyway=False):
                answers[place] = _marked(ours[place], answer)
        return answers

    def read(self, generation: Generation) -> ParsedTurn:
        """The turn, by the reader of whoever wrote it."""
        found = fallback_answer(generation)
        if found is None:
            return self._prompter.read(generation)
        return self._endpoint.read(structs.replace(generation, text=json.dumps(found["message"]), finished=True))

    def _is_usable(self, turn: ParsedTurn, *, anyway: bool = True) -> bool:
        """Whether an agent can act on a turn; `anyway`: invalid arguments are no reason where the setting says so."""
        if turn.malformed or any(call.name not in self._validator.names for call in turn.calls):
            return False
        if anyway and not self._invalid_arguments:
            return True
        return not any(self._validator.check(call.name, call.arguments_json) for call in turn.calls)


def fallback_answer(generation: Generation) -> dict[str, Any] | None:
    """What the endpoint wrote in place of our model (`message`, `prompt_tokens`, `new_tokens`), if it did."""
    if not generation.text.startswith(FALLBACK_MARK):
        return None
    found: dict[str, Any] = json.loads(generation.text.removeprefix(FALLBACK_MARK))
    return found


def _marked(ours: Generation, theirs: Generation) -> Generation:
    """Our generation with the endpoint's answer as its text; its time is both models' together."""
    found = {
        "message": json.loads(theirs.text),
        "prompt_tokens": theirs.n_prompt_tokens,
        "new_tokens": theirs.n_new_tokens,
    }
    return structs.replace(
        ours,
        text=FALLBACK_MARK + json.dumps(found, ensure_ascii=False),
        latency_ms=ours.latency_ms + theirs.latency_ms,
        finished=True,
    )
