"""Export a model folder, or an adapter, to one GGUF file.

Invariant: every tensor of the folder's language model is in the file, under the name that llama.cpp knows; one that it
has no name for is an error. Matrices have the chosen type, vectors are float32, as in llama.cpp's own converter.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from toolft_pipeline.engines.gguf.architecture import Architecture, GgufError, architecture_of, rope_factors
from toolft_pipeline.engines.gguf.vocabulary import write_vocabulary

if TYPE_CHECKING:
    from gguf import GGMLQuantizationType, GGUFWriter, TensorNameMap

    from toolft_pipeline.engines.gguf.architecture import Array

_NOT_LANGUAGE = ("vision_tower.", "multi_modal_projector.", "audio_tower.", "embed_vision.", "embed_audio.")


def export_model(
    folder: Path, out: Path, *, quantization: str, stops: Sequence[str], chat_template: str | None = None
) -> None:
    """Write the model of a folder to `out`. `quantization` is F32, F16, BF16 or Q8_0. Raises `GgufError`."""
    from gguf import GGMLQuantizationType, GGUFWriter

    config = _json(folder / "config.json")
    kind, text = architecture_of(config)
    writer = GGUFWriter(out, kind.name)
    writer.add_name(folder.parent.name)
    kind.write(writer, text)
    names = _names(kind, int(text["num_hidden_layers"]))
    tensors = list(_tensors(folder, kind, names, text))
    rows = next(shape[0] for name, shape, _ in tensors if name == "token_embd.weight")
    write_vocabulary(writer, folder, size=rows, stops=stops)
    if chat_template is not None:
        writer.add_chat_template(chat_template)
    wanted = GGMLQuantizationType[quantization]
    writer.add_file_type(_file_type(quantization))
    writer.add_quantization_version(2)
    for name, shape, _ in tensors:
        _declare(writer, name, shape, _type_of(shape, wanted))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for _, shape, load in tensors:
        writer.write_tensor_data(_stored(load(), _type_of(shape, wanted)))
    writer.close()


def export_adapter(adapter: Path, out: Path, *, base: Path) -> None:
    """Write a PEFT LoRA adapter to `out`, for the exported model of `base`. Raises `GgufError`."""
    from gguf import GGMLQuantizationType, GGUFWriter
    from safetensors import safe_open

    options = _json(adapter / "adapter_config.json")
    if options.get("use_dora") or options.get("rank_pattern") or options.get("alpha_pattern"):
        raise GgufError(f"{adapter}: DoRA or ranks that differ by module, which llama.cpp cannot apply; merge it")
    kind, text = architecture_of(_json(base / "config.json"))
    names = _names(kind, int(text["num_hidden_layers"]))
    rank = int(options["r"])
    scale = float(options["lora_alpha"]) / (rank**0.5 if options.get("use_rslora") else rank)
    writer = GGUFWriter(out, kind.name)
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", scale * rank)  # llama.cpp divides by the rank
    with safe_open(adapter / "adapter_model.safetensors", framework="pt") as file:
        for key in sorted(file.keys()):
            module, factor = _factor(key, adapter)
            values = file.get_tensor(key).float().numpy()
            if factor == "lora_b":
                values = kind.arrange(f"{module}.weight", values, text)
            name = f"{_renamed(f'{module}.weight', names, adapter)}.{factor}"
            writer.add_tensor(name, np.ascontiguousarray(values), raw_dtype=GGMLQuantizationType.F32)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _factor(key: str, adapter: Path) -> tuple[str, str]:
    found = re.fullmatch(r"base_model\.model\.(.+)\.lora_([AB])\.weight", key)
    if found is None:
        raise GgufError(f"{adapter}: {key} is no LoRA factor of a linear layer; export the merged model")
    return _language(found[1]), f"lora_{found[2].lower()}"


def _tensors(
    folder: Path, kind: Architecture, names: TensorNameMap, text: dict[str, Any]
) -> Iterator[tuple[str, tuple[int, ...], Callable[[], Array]]]:
    """Name in the file, shape, and how to load it."""
    from safetensors import safe_open

    if (factors := rope_factors(text)) is not None:
        yield "rope_freqs.weight", factors.shape, lambda: factors
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="pt") as file:
            shapes = {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118  # no mapping
        for key, shape in shapes.items():
            if any(part in key for part in _NOT_LANGUAGE):
                continue
            name = _language(key)
            if name == "lm_head.weight" and text.get("tie_word_embeddings", True):
                continue
            yield _renamed(name, names, folder), shape, _loader(path, key, name, kind, text)


def _loader(path: Path, key: str, name: str, kind: Architecture, text: dict[str, Any]) -> Callable[[], Array]:
    def load() -> Array:
        from safetensors import safe_open

        with safe_open(path, framework="pt") as file:
            values = file.get_tensor(key).float().numpy()
        return kind.arrange(name, values, text) + np.float32(kind.offset(name))

    return load


def _language(key: str) -> str:
    """The name of a weight in a model without other modalities."""
    for prefix in ("model.language_model.", "language_model.model.", "language_model."):
        if key.startswith(prefix):
            return ("" if key.startswith("language_model.lm_head") else "model.") + key.removeprefix(prefix)
    return key


def _names(kind: Architecture, layers: int) -> TensorNameMap:
    from gguf import MODEL_ARCH_NAMES, TensorNameMap

    return TensorNameMap(next(arch for arch, name in MODEL_ARCH_NAMES.items() if name == kind.name), layers)


def _renamed(name: str, names: TensorNameMap, folder: Path) -> str:
    found = names.get_name(name, try_suffixes=(".weight", ".bias"))
    if found is None:
        raise GgufError(f"{folder}: llama.cpp has no name for the tensor {name}; serve this model with transformers")
    return str(found)


def _type_of(shape: Sequence[int], wanted: GGMLQuantizationType) -> GGMLQuantizationType:
    """Vectors stay float32; a row that blocks of 32 do not divide is stored in F16, as llama.cpp's converter does."""
    from gguf import GGMLQuantizationType

    if len(shape) < 2:
        return GGMLQuantizationType.F32
    if wanted is GGMLQuantizationType.Q8_0 and shape[-1] % 32:
        return GGMLQuantizationType.F16
    return wanted


def _declare(writer: GGUFWriter, name: str, shape: Sequence[int], kind: GGMLQuantizationType) -> None:
    from gguf.quants import GGML_QUANT_SIZES, quant_shape_to_byte_shape

    block, size = GGML_QUANT_SIZES[kind]
    count = int(np.prod(shape))
    if kind.name in {"F32", "F16"}:
        dtype = np.dtype(np.float32 if kind.name == "F32" else np.float16)
        writer.add_tensor_info(name, shape, dtype, count * dtype.itemsize)
    else:
        stored = quant_shape_to_byte_shape(shape, kind)
        writer.add_tensor_info(name, stored, np.dtype(np.uint8), count // block * size, raw_dtype=kind)


def _stored(values: Array, kind: GGMLQuantizationType) -> Array:
    from gguf.quants import quantize

    return np.ascontiguousarray(quantize(np.ascontiguousarray(values), kind))


def _file_type(quantization: str) -> int:
    from gguf import LlamaFileType

    return int(LlamaFileType["ALL_F32" if quantization == "F32" else f"MOSTLY_{quantization}"])


def _json(path: Path) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise GgufError(f"{path}: not readable ({error}); name a folder as this project writes it") from error
    return document
