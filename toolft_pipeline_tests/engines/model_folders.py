"""Folders that look like a merged model to an engine that never loads them: a small tokenizer, a config, a file."""

from __future__ import annotations

import json
from pathlib import Path

STOPS = ("<end_of_turn>", "<eos>")


def write_folder(folder: Path, *, positions: int = 512) -> Path:
    """A folder with the small tokenizer of the Gemma kind, and weights that are none."""
    from toolft_pipeline_tests.chat.tokenizers_of_families import stand_in

    stand_in("gemma3").save_pretrained(folder)
    (folder / "config.json").write_text(json.dumps({"max_position_embeddings": positions}))
    (folder / "model.safetensors").write_bytes(b"no weights")
    (folder / "stop.json").write_text(json.dumps(token_of(folder, STOPS[0])))
    return folder


def token_of(folder: Path, text: str) -> int:
    """The id of an added token."""
    added = json.loads((folder / "tokenizer.json").read_text())["added_tokens"]
    return next(int(token["id"]) for token in added if token["content"] == text)


def write_adapter(folder: Path, *, rank: int = 24, **config: object) -> Path:
    """A PEFT adapter as far as a server's start looks at it; `config` are more keys of its config."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "adapter_config.json").write_text(json.dumps({"r": rank, "peft_type": "LORA", **config}))
    return folder
