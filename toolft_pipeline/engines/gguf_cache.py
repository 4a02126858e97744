"""GGUF files of models and adapters, kept by the content that they were made from.

Invariant: nothing is written beside the model: versions in the warehouse never change. A file is complete or absent.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from toolft_pipeline.engines.engine import EngineError
from toolft_pipeline.engines.gguf.architecture import GgufError
from toolft_pipeline.engines.gguf.export import export_adapter, export_model
from toolft_pipeline.engines.model_folder import folder_digest

EXPORT_CODE = "1"
"""Raise it when a folder is exported to other bytes."""


def exported_model(
    folder: Path,
    *,
    quantization: str,
    stops: Sequence[str],
    cache: Path | None = None,
    progress: Callable[[str], None] = lambda _line: None,
) -> Path:
    """The GGUF file of a model folder, exported if it is not in the cache. Raises `EngineError`."""
    out = _cache(cache) / f"{folder_digest(folder)[:32]}-{quantization}-{EXPORT_CODE}.gguf"
    if not out.is_file():
        progress(f"exporting {folder} to {out}")
        _complete(out, lambda path: export_model(folder, path, quantization=quantization, stops=stops))
    return out


def exported_adapter(adapter: Path, *, base: Path, cache: Path | None = None) -> Path:
    """The GGUF file of an adapter of this base. Raises `EngineError`."""
    out = _cache(cache) / f"{folder_digest(adapter)[:32]}-adapter-{EXPORT_CODE}.gguf"
    if not out.is_file():
        _complete(out, lambda path: export_adapter(adapter, path, base=base))
    return out


def _cache(folder: Path | None) -> Path:
    if folder is None:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "toolft" / "gguf"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _complete(out: Path, write: Callable[[Path], None]) -> None:
    with tempfile.TemporaryDirectory(dir=out.parent, prefix="export-") as scratch:
        path = Path(scratch) / out.name
        try:
            write(path)
        except GgufError as error:
            raise EngineError(str(error)) from error
        path.replace(out)
