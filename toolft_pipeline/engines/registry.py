"""The registry of engines: one entry for each name that `serving.engine.name` can have.

Invariant: an engine is chosen here and nowhere else, and its packages are imported only when it is made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from toolft_pipeline.compute_type import ComputeType
from toolft_pipeline.engines.engine import Engine, EngineError
from toolft_pipeline.engines.token_mask import MaskFactory
from toolft_pipeline.settings.serving import EngineName, EngineSettings

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True, kw_only=True)
class EngineModel:
    """What an engine loads: a model folder in Hugging Face layout, and the texts that end a turn."""

    folder: Path
    stops: tuple[str, ...]
    compute: ComputeType | None = None
    """Number type of the transformers engine, None is the faster one; vLLM's and llama.cpp's is the file's."""
    tokenizer: PreTrainedTokenizerBase | None = None
    """The folder's tokenizer, where it is loaded already."""
    mask_factory: MaskFactory | None = None
    """What applies grammars in the transformers engine; the others refuse a request with a grammar."""
    exports: Path | None = None
    """Where llama.cpp's exported files are kept, by content digest; None is the user's cache folder."""
    progress: Callable[[str], None] = lambda _line: None
    """Gets lines about what takes long while the engine starts."""


@dataclass(frozen=True, kw_only=True)
class _Entry:
    make: Callable[[EngineSettings, EngineModel], Engine]
    package: str | None = None
    """A package beyond the default installation, and the extra that brings it."""
    extra: str | None = None


def make_engine(
    settings: EngineSettings,
    *,
    folder: Path,
    stops: Sequence[str],
    compute: ComputeType | None = None,
    tokenizer: PreTrainedTokenizerBase | None = None,
    mask_factory: MaskFactory | None = None,
    exports: Path | None = None,
    progress: Callable[[str], None] = lambda _line: None,
) -> Engine:
    """The engine of the settings for a model folder; `start` loads the model. Raises `EngineError`."""
    entry = ENGINES[settings.name]
    if entry.package is not None and find_spec(entry.package) is None:
        raise EngineError(
            f"serving.engine.name {settings.name}: the package {entry.package} is not installed: "
            f"pip install 'toolft_pipeline[{entry.extra}]'"
        )
    model = EngineModel(
        folder=folder,
        stops=tuple(stops),
        compute=compute,
        tokenizer=tokenizer,
        mask_factory=mask_factory,
        exports=exports,
        progress=progress,
    )
    return entry.make(settings, model)


def _transformers(settings: EngineSettings, model: EngineModel) -> Engine:
    from toolft_pipeline.engines.transformers_engine import TransformersEngine

    return TransformersEngine(
        model.folder,
        stops=model.stops,
        settings=settings,
        compute=model.compute,
        tokenizer=model.tokenizer,
        mask_factory=model.mask_factory,
    )


def _vllm(settings: EngineSettings, model: EngineModel) -> Engine:
    from toolft_pipeline.engines.vllm_engine import VllmEngine

    return VllmEngine(settings=settings, folder=model.folder, stops=model.stops, progress=model.progress)


def _llama_cpp(settings: EngineSettings, model: EngineModel) -> Engine:
    from toolft_pipeline.engines.llama_cpp_engine import LlamaCppEngine

    return LlamaCppEngine(
        settings=settings, folder=model.folder, stops=model.stops, exports=model.exports, progress=model.progress
    )


ENGINES: dict[EngineName, _Entry] = {
    EngineName.TRANSFORMERS: _Entry(make=_transformers),
    EngineName.VLLM: _Entry(make=_vllm),
    EngineName.LLAMA_CPP: _Entry(make=_llama_cpp, package="xllamacpp", extra="llama-cpp"),
}
