"""A tokenizer of Hugging Face layout as llama.cpp's metadata.

Invariant: every id keeps its text. How llama.cpp splits text into ids is decided by the kind of tokenizer, so a kind
that it does not know is refused; our own prompts are ids and do not depend on it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolft_pipeline.engines.gguf.architecture import GgufError

if TYPE_CHECKING:
    from gguf import GGUFWriter


def write_vocabulary(writer: GGUFWriter, folder: Path, *, size: int, stops: Sequence[str]) -> None:
    """Write tokens, kinds, merges or scores, and the special ids. Raises `GgufError` for an unknown tokenizer."""
    from gguf import TokenType
    from tokenizers import Tokenizer

    document = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    model = document["model"]
    if model["type"] != "BPE":
        raise GgufError(f"{folder}: a {model['type']} tokenizer; GGUF export knows BPE tokenizers alone")
    bytes_as_tokens = bool(model.get("byte_fallback"))
    names = {int(id_): str(text) for text, id_ in model["vocab"].items()}
    kinds = {
        id_: TokenType.BYTE if bytes_as_tokens and _is_byte(text) else TokenType.NORMAL for id_, text in names.items()
    }
    for added in document["added_tokens"]:
        names[added["id"]] = added["content"]
        kinds[added["id"]] = TokenType.CONTROL if added["special"] else TokenType.USER_DEFINED
    missing = [id_ for id_ in range(size) if id_ not in names]
    names |= {id_: f"[PAD{id_}]" for id_ in missing}  # rows of the embedding that no token has
    kinds |= dict.fromkeys(missing, TokenType.UNUSED)
    ids = range(size)
    writer.add_tokenizer_model("llama" if bytes_as_tokens else "gpt2")
    writer.add_tokenizer_pre("default" if bytes_as_tokens else _split(document, folder))
    writer.add_token_list([names[id_] for id_ in ids])
    writer.add_token_types([kinds[id_] for id_ in ids])
    if bytes_as_tokens:
        # the order of merges is the order of ids in Gemma's SentencePiece model, whose scores are -1, -2, ...
        writer.add_token_scores([0.0 if kinds[id_] is TokenType.BYTE else -float(id_) for id_ in ids])
        writer.add_add_space_prefix(False)
    else:
        writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]])
    _write_special(writer, folder, {text: id_ for id_, text in names.items()}, stops)
    writer.add_add_bos_token(len(Tokenizer.from_file(str(folder / "tokenizer.json")).encode("a").ids) > 1)


def _write_special(writer: GGUFWriter, folder: Path, ids: dict[str, int], stops: Sequence[str]) -> None:
    config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))

    def id_of(name: str) -> int | None:
        token: Any = config.get(name)
        return ids.get(token["content"] if isinstance(token, dict) else token)

    for name, write in (
        ("bos_token", writer.add_bos_token_id),
        ("eos_token", writer.add_eos_token_id),
        ("unk_token", writer.add_unk_token_id),
        ("pad_token", writer.add_pad_token_id),
    ):
        if (id_ := id_of(name)) is not None:
            write(id_)
    if stops and stops[0] in ids:
        writer.add_eot_token_id(ids[stops[0]])


def _is_byte(text: str) -> bool:
    return len(text) == 6 and text.startswith("<0x") and text.endswith(">")


def _split(document: dict[str, Any], folder: Path) -> str:
    """llama.cpp's name of how a byte-level tokenizer splits text into words."""
    splits = json.dumps(document.get("pre_tokenizer"))
    if r"\\p{N}{1,3}" in splits:
        return "llama-bpe"
    if r"|\\p{N}|" in splits:
        return "qwen2"
    if r'"type": "Digits"' in splits and '"individual_digits": true' in splits:
        return "smollm"
    raise GgufError(f"{folder}: llama.cpp has no name for how this tokenizer splits text; serve it with transformers")
