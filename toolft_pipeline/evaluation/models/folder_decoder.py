"""Generators of one model folder over one copy of its weights: of evaluation's own decoder, or of an engine.

Invariant: the weights are loaded, or the engine started, for the first generator that is made, and once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from toolft_pipeline.compute_type import choose_compute_type
from toolft_pipeline.engines.decoding.prefix_cache import PrefixCache
from toolft_pipeline.engines.engine import EngineError
from toolft_pipeline.engines.model_loading import load_model
from toolft_pipeline.engines.token_mask import TokenMask
from toolft_pipeline.evaluation.models.decoding import PREFIX_CACHE_BYTES, TransformersGenerator
from toolft_pipeline.evaluation.models.engine_generator import EngineGenerator, EngineSession, start_session
from toolft_pipeline.evaluation.models.generation import Generator, Sampling
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.settings.serving import EngineName

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class FolderDecoder:
    """Makes generators with different token limits. `close` ends the engine."""

    def __init__(
        self,
        folder: Path,
        *,
        settings: AgentSettings,
        tokenizer: PreTrainedTokenizerBase,
        stops: Sequence[str],
        progress: Callable[[str], None],
    ) -> None:
        self._folder = folder
        self._settings = settings
        self._tokenizer = tokenizer
        self._stops = stops
        self._progress = progress
        self._prefixes = PrefixCache(PREFIX_CACHE_BYTES)

    def generator(
        self,
        max_new_tokens: int,
        *,
        mask_of_turn: Callable[[], TokenMask] | None = None,
        sampling: Sampling | None = None,
        reuse: bool = True,
    ) -> Generator:
        """A generator of answers of at most so many tokens. Raises `DecodingError` or `EngineError`.

        `mask_of_turn` makes the mask of each answer, where decoding is constrained; without `sampling` it is greedy.
        With `reuse` it shares the keys and values of equal beginnings with the other generators; without, a prompt is
        computed whole, as it must be where a request is timed.
        """
        places = self._settings.evaluation.batch_size
        if mask_of_turn is not None and self._settings.evaluation.engine is not EngineName.TRANSFORMERS:
            raise EngineError(
                "evaluation.variants has constrained, and evaluation.engine applies no grammar; set evaluation.engine "
                "to transformers, or leave the variant out"
            )
        if self._settings.evaluation.engine is not EngineName.TRANSFORMERS:
            return EngineGenerator(self._session, max_new_tokens=max_new_tokens, places=places, sampling=sampling)
        generator = TransformersGenerator(
            model=self._weights,
            tokenizer=self._tokenizer,
            stops=self._stops,
            max_new_tokens=max_new_tokens,
            batch_size=places,
            prefixes=self._prefixes if reuse else PrefixCache(0),
            progress=self._progress,
            mask_of_turn=mask_of_turn,
        )
        generator.sampling = sampling
        return generator

    def close(self) -> None:
        """End the engine, if one was started."""
        if "_session" in self.__dict__:
            self._session.close()

    @cached_property
    def _weights(self) -> PreTrainedModel:
        compute = choose_compute_type(self._settings.training.compute_type)
        self._progress(f"loading {self._folder.name}; {compute.line}")
        return load_model(self._folder, compute=compute.type)

    @cached_property
    def _session(self) -> EngineSession:
        return start_session(self._settings, folder=self._folder, stops=self._stops, progress=self._progress)
