"""A model that is ready to be asked: its prompts, and what generates the answers of each kind.

Invariant: a model folder is loaded for the first prompt that has no stored answer, and never for stored ones alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

from toolft_pipeline.catalog.tool import Catalog
from toolft_pipeline.chat.formats import get_format
from toolft_pipeline.chat.rendering.catalog_tokens import catalog_tokens_saved
from toolft_pipeline.engines.model_loading import load_tokenizer
from toolft_pipeline.evaluation.models.baselines import few_shot_messages
from toolft_pipeline.evaluation.models.endpoint import EndpointModel
from toolft_pipeline.evaluation.models.folder_decoder import FolderDecoder
from toolft_pipeline.evaluation.models.generation import Generator, Sampling
from toolft_pipeline.evaluation.models.generation_cache import GenerationCache, PromptKind
from toolft_pipeline.evaluation.models.prompting import ModelUnderTest, Prompter, PromptPolicy, make_prompter
from toolft_pipeline.evaluation.models.safety_nets import TurnMasks, with_fallback
from toolft_pipeline.evaluation.scoring.probes import CALL_TOKENS, WORDS_TOKENS, Probers
from toolft_pipeline.ingest.day import read_golden_runs
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.settings.evaluation import Variant

MASKED = frozenset({PromptKind.TURN, PromptKind.SINGLE})
"""What a grammar of the agent's tools fits: the questions on general ability have tools of their own."""


@dataclass(frozen=True, kw_only=True)
class PreparedModel:
    """A model that is ready to be asked; `name` is its key in metrics.json.

    `probers` answer the questions on general ability; without them none is asked. `single` answers the requests that
    are timed alone; an endpoint has none, as its requests are single anyway.
    """

    name: str
    prompter: Prompter
    generator: Generator
    probers: Probers | None = None
    single: Generator | None = None
    in_full: bool = False
    """Whether an endpoint is asked every question on general ability: the candidate of a host, and its base."""
    catalog_tokens_saved_per_turn: int = 0
    catalog_prompter: Prompter | None = None
    """Prompts with the full catalog, for tasks of level `new_tool`; None where `prompter` shows it anyway."""
    sampled: Callable[[int], Generator] | None = None
    """What draws the answers of a repeat, by its number from 0; None where tasks are not repeated."""
    close: Callable[[], None] = lambda: None
    """Ends what was started for the model."""


def prepare_folder(
    model: ModelUnderTest,
    *,
    settings: AgentSettings,
    catalog: Catalog,
    progress: Callable[[str], None],
    answers: GenerationCache,
) -> PreparedModel:
    """Prepare a model folder. Raises `DecodingError` for a folder without a tokenizer."""
    progress(f"{model.name}: {model.folder.name}")
    tokenizer = load_tokenizer(model.folder)
    prompter_of = partial(
        make_prompter,
        chat=settings.chat,
        catalog=catalog,
        tokenizer=tokenizer,
        examples=lambda: few_shot_messages(
            read_golden_runs(settings.logs, folder=settings.folder, agent=settings.name),
            count=settings.evaluation.few_shot,
        ),
    )
    prompter = prompter_of(model)

    decoder = FolderDecoder(
        model.folder,
        settings=settings,
        tokenizer=tokenizer,
        stops=prompter.stops,
        progress=lambda line: progress(f"{model.name}: {line}"),
    )

    constrained = model.variant is Variant.CONSTRAINED
    masks = cache(lambda: TurnMasks(prompter.stops, settings=settings, catalog=catalog, tokenizer=tokenizer))

    def generator(kind: PromptKind, max_new_tokens: int) -> Generator:
        masked = constrained and kind in MASKED
        return answers.generator(
            kind,
            lambda: decoder.generator(
                max_new_tokens, mask_of_turn=masks() if masked else None, reuse=kind is not PromptKind.SINGLE
            ),
            allows=(lambda turn: masks().allows(turn)) if masked and kind is PromptKind.TURN else None,
        )

    def sampled(repeat: int) -> Generator:
        sampling = Sampling(temperature=settings.evaluation.temperature, repeat=repeat)
        limit = settings.evaluation.max_new_tokens
        return answers.generator(
            PromptKind.SAMPLE, lambda: decoder.generator(limit, sampling=sampling), sampling=sampling
        )

    saved = 0
    if model.policy is PromptPolicy.NONE:
        saved = catalog_tokens_saved(
            catalog.openai_tools(),
            chat_format=get_format(settings.chat.format),
            mode=settings.chat.catalog_mode,
            encode=lambda text: tokenizer(text, add_special_tokens=False)["input_ids"],
        )
    probers = Probers(
        words=generator(PromptKind.PROBE, WORDS_TOKENS), calls=generator(PromptKind.PROBE_CALL, CALL_TOKENS)
    )
    turns = generator(PromptKind.TURN, settings.evaluation.max_new_tokens)
    if model.variant is Variant.FALLBACK:
        behind_net = with_fallback(
            prompter, turns, settings=settings, catalog=catalog, answers=answers, progress=progress
        )
        prompter, turns = behind_net, behind_net
    return PreparedModel(
        name=model.name,
        prompter=prompter,
        generator=turns,
        probers=probers if settings.evaluation.probes else None,
        single=generator(PromptKind.SINGLE, settings.evaluation.max_new_tokens),
        catalog_tokens_saved_per_turn=saved,
        catalog_prompter=None if model.policy is PromptPolicy.FULL_CATALOG else prompter_of(model, with_catalog=True),
        sampled=sampled if model.variant is None else None,
        close=decoder.close,
    )


def prepare_endpoint(
    name: str,
    *,
    settings: AgentSettings,
    catalog: Catalog,
    progress: Callable[[str], None],
    answers: GenerationCache,
) -> PreparedModel:
    """Prepare a model behind one of `evaluation.endpoints`, by its name."""
    endpoint = settings.evaluation.endpoints[name]
    progress(f"{name}: {endpoint.model} at {endpoint.base_url}")
    model = EndpointModel(
        name=name,
        settings=endpoint,
        catalog=catalog,
        system_prompt=settings.chat.system_prompt,
        max_new_tokens=settings.evaluation.max_new_tokens,
        progress=lambda line: progress(f"{name}: {line}"),
    )

    def sampled(repeat: int) -> Generator:
        sampling = Sampling(temperature=settings.evaluation.temperature, repeat=repeat)
        return answers.generator(
            PromptKind.SAMPLE, lambda: model.sampled(sampling), text_of=model.text_of, sampling=sampling
        )

    def generator(kind: PromptKind) -> Generator:
        return answers.generator(kind, lambda: model, text_of=model.text_of)

    probers = Probers(words=generator(PromptKind.PROBE), calls=generator(PromptKind.PROBE_CALL))
    return PreparedModel(
        name=name,
        prompter=model,
        generator=generator(PromptKind.TURN),
        probers=probers if settings.evaluation.probes else None,
        sampled=sampled,
    )
