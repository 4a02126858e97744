"""A model folder in Hugging Face layout: which of its files belong to the model.

Invariant: weights are the files that transformers loads, and no others. Hub snapshots also contain the same weights in
other formats (`original/consolidated.00.pth`, `pytorch_model.bin`, `*.gguf`, `onnx/`, adapters).
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from toolft_pipeline.training.base.packaged_gguf import BaseModelError

CONFIG_FILE = "config.json"
ONE_FILE, INDEX_FILE = "model.safetensors", "model.safetensors.index.json"
_TEXT_FILES = {".json", ".jinja", ".model", ".txt", ".tiktoken"}
"""Suffixes of the config, tokenizer, chat template and processor files."""
_TEMPLATES_FOLDER = "additional_chat_templates"
_NOT_OF_THE_MODEL = {"adapter_config.json", "params.json"}
"""transformers would load an adapter on top of the weights; params.json belongs to `consolidated` weights."""


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """One tensor of a safetensors file."""

    dtype: str
    shape: tuple[int, ...]


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files that transformers loads from a folder. Raises `BaseModelError`."""
    if (folder / ONE_FILE).is_file():
        return [folder / ONE_FILE]
    if (folder / INDEX_FILE).is_file():
        names = sorted({*_read_json(folder / INDEX_FILE).get("weight_map", {}).values()})
        missing = [name for name in names if not (folder / name).is_file()]
        if missing or not names:
            raise BaseModelError(
                f"{folder}: {INDEX_FILE} names {len(names)} weight files and {len(missing)} are missing"
                f"{f' (first: {missing[0]})' if missing else ''}; download the folder again"
            )
        return [folder / name for name in names]
    if others := _other_weights(folder):
        raise BaseModelError(
            f"{folder}: no {ONE_FILE}; its weights are in {others}, a format that is not supported: download the "
            "safetensors files of the same model, or save it with save_pretrained"
        )
    raise BaseModelError(f"{folder}: no *.safetensors; save the model with save_pretrained first")


def _other_weights(folder: Path) -> str:
    names = sorted(
        path.relative_to(folder).as_posix()
        for pattern in ("*.safetensors", "*.bin", "*.pth", "*.pt", "*.gguf", "*.h5", "*.msgpack", "original/*.pth")
        for path in folder.glob(pattern)
    )
    return ", ".join(names[:2]) + (f" and {len(names) - 2} more" if len(names) > 2 else "")


def model_files(folder: Path) -> list[Path]:
    """The model's files: weights, config, tokenizer, templates, processor; sorted."""
    beside = [
        path
        for path in [*folder.iterdir(), *folder.glob(f"{_TEMPLATES_FOLDER}/*.jinja")]
        if path.is_file() and path.suffix in _TEXT_FILES and not path.name.startswith(".")
    ]
    weights = weight_files(folder)
    index = [INDEX_FILE] if len(weights) > 1 or weights[0].name != ONE_FILE else []
    kept = [
        path
        for path in beside
        if path.name not in _NOT_OF_THE_MODEL and (path.name in index or not path.name.endswith(".index.json"))
    ]
    return sorted([*weights, *kept])


def copy_model(folder: Path, into: Path) -> None:
    """Copy the files of `model_files`."""
    for path in model_files(folder):
        target = into / path.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)


def count_parameters(folder: Path) -> int:
    """Elements of all tensors of a model."""
    return sum(math.prod(tensor.shape) for tensor in _tensors(folder))


def dtypes(folder: Path) -> set[str]:
    """The dtypes of a model's tensors, as safetensors spells them."""
    return {tensor.dtype for tensor in _tensors(folder)}


def _tensors(folder: Path) -> Iterator[Tensor]:
    for path in weight_files(folder):
        yield from header(path).values()


def header(path: Path) -> dict[str, Tensor]:
    """Names, dtypes and shapes of a safetensors file, read from its header. Raises `BaseModelError`."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 0 < length < 100_000_000:
                raise ValueError("its first eight bytes are not a header length")
            entries: dict[str, Any] = msgspec.json.decode(file.read(length))
        return {
            name: Tensor(dtype=entry["dtype"], shape=tuple(entry["shape"]))
            for name, entry in entries.items()
            if name != "__metadata__"
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BaseModelError(f"{path}: not a safetensors file ({error}); save or download it again") from error


def stored_quantization(folder: Path) -> str | None:
    """How the weights are quantized, by the config or by the dtypes of the tensors; None if they are not."""
    config = _read_json(folder / CONFIG_FILE)
    for section in (config, config.get("text_config") or {}):
        for key in ("quantization_config", "compression_config"):
            if section.get(key):
                return quantization_name(section[key])
    matrices = {tensor.dtype for tensor in _tensors(folder) if len(tensor.shape) > 1}
    narrow = sorted(matrices - {"BF16", "F16", "F32", "F64", "I64", "BOOL"})
    return f"tensors of type {', '.join(narrow)}" if narrow else None


def quantization_name(quantization: Any) -> str:
    """The method and the bits of a `quantization_config`, for people."""
    if not isinstance(quantization, dict):
        return str(getattr(quantization, "quant_method", None) or "an unknown method")
    method = str(quantization.get("quant_method") or quantization.get("quant_algo") or "")
    bits = next((f"{n} bit" for n in (4, 8) if quantization.get(f"load_in_{n}bit")), quantization.get("bits"))
    named = method or ("bitsandbytes" if bits else "an unknown method")
    return f"{named}, {bits if isinstance(bits, str) else f'{bits} bit'}" if bits else named


def _read_json(path: Path) -> dict[str, Any]:
    try:
        document = msgspec.json.decode(path.read_bytes())
    except (OSError, ValueError) as error:
        raise BaseModelError(f"{path}: cannot be read ({error}); download it again") from error
    if not isinstance(document, dict):
        raise BaseModelError(f"{path}: not a JSON object; download it again")
    return document
