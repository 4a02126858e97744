"""What engines must know of a model folder without loading it: context, stop tokens, content digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolft_pipeline.engines.engine import EngineError

MOST_CONTEXT = 8192
"""Context of an engine whose settings give none: longer prompts cost more memory than most machines have."""


@dataclass(frozen=True, kw_only=True)
class Stops:
    """What ends a turn: ids of stop tokens, and texts that are no single token of this tokenizer."""

    ids: tuple[int, ...]
    texts: tuple[str, ...]


def stops_of(folder: Path, stops: Sequence[str]) -> Stops:
    """Resolve stop texts with the folder's tokenizer, as evaluation's decoder does. Raises `EngineError`."""
    added = _read(folder / "tokenizer.json").get("added_tokens", [])
    special = {token["content"]: int(token["id"]) for token in added if token.get("special")}
    return Stops(
        ids=tuple(special[stop] for stop in stops if stop in special),
        texts=tuple(stop for stop in stops if stop not in special),
    )


def context_of(folder: Path, wanted: int | None) -> int:
    """Tokens of prompt and answer together: what the settings want, at most the model's limit. Raises `EngineError`."""
    config = _read(folder / "config.json")
    limit = int(
        config.get("text_config", {}).get("max_position_embeddings") or config.get("max_position_embeddings", 0)
    )
    if wanted is not None and limit and wanted > limit:
        raise EngineError(f"serving.engine.context_tokens {wanted}: {folder} has {limit} positions; set at most that")
    return wanted or min(limit or MOST_CONTEXT, MOST_CONTEXT)


def folder_digest(folder: Path) -> str:
    """Digest of all files that decide what the model computes and how text becomes tokens."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix in {".safetensors", ".json", ".model", ".jinja"}:
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _read(path: Path) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EngineError(
            f"{path}: not readable ({error}); an engine needs a folder as merged_model writes it"
        ) from error
    return document
