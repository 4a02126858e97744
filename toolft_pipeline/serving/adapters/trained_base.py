"""The folder of the base that an adapter was trained on: the warehouse's own, or its NF4 weights, dequantized.

Invariant: a dequantized base is written once for each base, outside of the warehouse, and is complete or absent.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from toolft_pipeline.engines.engine import EngineError
from toolft_pipeline.serving.served_model import ServedAdapter

WRITER = "toolft_pipeline.training.merging.dequantized_base"
WRITER_CODE = "1"
"""Raise it when the same base is written to other bytes."""


async def trained_base(
    adapter: ServedAdapter, *, cache: Path | None = None, progress: Callable[[str], None] = lambda _line: None
) -> Path:
    """The model folder that the adapter is served over; `cache` is the user's cache folder by default.

    Raises `EngineError`.
    """
    if adapter.quantization == "none":
        return adapter.base
    if adapter.quantization != "nf4":
        raise EngineError(f"{adapter.folder}: trained on a base in {adapter.quantization}; serve the merged model")
    folder = cache or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "toolft" / "bases"
    out = folder / f"{adapter.base_digest[:32]}-nf4-{WRITER_CODE}"
    if not out.is_dir():
        progress(f"writing the base as its adapters were trained on it (NF4, dequantized) to {out}; once for each base")
        await _write(adapter.base, out)
    return out


async def _write(base: Path, out: Path) -> None:
    """Write in a process of its own: this one keeps neither torch's memory nor a hold on the accelerator."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=out.parent, prefix="writing-"))
    except OSError as error:
        raise EngineError(
            f"{out}: cannot be written ({error.strerror}); set XDG_CACHE_HOME to a folder that can"
        ) from error
    try:
        writer = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", WRITER, str(base), str(scratch / out.name)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            said, _ = await writer.communicate()
        except BaseException:
            with suppress(ProcessLookupError):
                writer.kill()
            await writer.wait()
            raise
        if writer.returncode:
            words = " ".join(said.decode("utf-8", "replace").split())[-400:] or "it wrote nothing"
            raise EngineError(
                f"{base}: the base could not be dequantized (status {writer.returncode}: {words}); set "
                "serving.engine.adapters to false to serve merged models"
            )
        with suppress(OSError):  # another server has written the same folder
            (scratch / out.name).rename(out)
    finally:
        await asyncio.to_thread(shutil.rmtree, scratch, ignore_errors=True)
    if not out.is_dir():
        raise EngineError(f"{out}: could not be put in place; set XDG_CACHE_HOME to a folder that can be written")
