"""How llama.cpp computes each architecture that can be exported: its hyperparameters, and how weights are laid out.

Invariant: what llama.cpp would compute otherwise than transformers is refused, never exported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from toolft_pipeline.errors import FixableError

if TYPE_CHECKING:
    from gguf import GGUFWriter

    Array = np.ndarray[Any, np.dtype[Any]]


class GgufError(FixableError, ValueError):
    """A folder that cannot be exported; one line with the reason and the fix."""


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """One of llama.cpp's architectures. `arrange` gets a weight's name in Hugging Face layout and its values."""

    name: str
    """llama.cpp's name, `gguf.MODEL_ARCH_NAMES`."""
    write: Callable[[GGUFWriter, Mapping[str, Any]], None]
    arrange: Callable[[str, Array, Mapping[str, Any]], Array]
    """The rows in llama.cpp's order; for an adapter's second factor too, whose rows are the weight's."""
    offset: Callable[[str], float]
    """What llama.cpp adds to a norm's weights and expects in the file."""


def architecture_of(config: Mapping[str, Any]) -> tuple[Architecture, dict[str, Any]]:
    """The architecture of a model's config, and the config of its text part. Raises `GgufError`."""
    kind = str(config.get("model_type"))
    if kind not in ARCHITECTURES:
        raise GgufError(
            f"model_type {kind}: no GGUF export; known: {', '.join(sorted(ARCHITECTURES))}; "
            "use serving.engine.name: transformers"
        )
    return ARCHITECTURES[kind], {**config, **config.get("text_config", {})}


def _common(writer: GGUFWriter, config: Mapping[str, Any]) -> None:
    heads = int(config["num_attention_heads"])
    head = int(config.get("head_dim") or config["hidden_size"] // heads)
    writer.add_context_length(int(config["max_position_embeddings"]))
    writer.add_embedding_length(int(config["hidden_size"]))
    writer.add_block_count(int(config["num_hidden_layers"]))
    writer.add_feed_forward_length(int(config["intermediate_size"]))
    writer.add_head_count(heads)
    writer.add_head_count_kv(int(config["num_key_value_heads"]))
    writer.add_key_length(head)
    writer.add_value_length(head)
    writer.add_layer_norm_rms_eps(float(config["rms_norm_eps"]))
    writer.add_vocab_size(int(config["vocab_size"]))


def _gemma3(writer: GGUFWriter, config: Mapping[str, Any]) -> None:
    from gguf import RopeScalingType

    layers = int(config["num_hidden_layers"])
    kinds = ["full_attention" if layer % 6 == 5 else "sliding_attention" for layer in range(layers)]
    if config.get("layer_types", kinds) != kinds:
        raise GgufError("a Gemma 3 whose full attention is not every sixth layer: llama.cpp computes no other")
    if config.get("use_bidirectional_attention"):
        raise GgufError("a Gemma 3 with bidirectional attention: llama.cpp's export is for generation")
    _common(writer, config)
    rope = _rope(config)
    full, sliding = rope["full_attention"], rope["sliding_attention"]
    writer.add_rope_freq_base(float(full["rope_theta"]))
    writer.add_rope_freq_base_swa(float(sliding["rope_theta"]))
    writer.add_sliding_window(int(config["sliding_window"]))
    if full.get("rope_type", "default") == "linear":
        writer.add_rope_scaling_type(RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(float(full["factor"]))
    elif full.get("rope_type", "default") != "default":
        raise GgufError(f"a Gemma 3 with rope_type {full['rope_type']}: no GGUF export")


def _rope(config: Mapping[str, Any]) -> dict[str, Any]:
    """Rotary parameters by kind of layer, of a config with Gemma's two or with one for all layers."""
    rope: dict[str, Any] = config.get("rope_parameters") or {}
    if "full_attention" in rope:
        return rope
    base = {"rope_theta": config.get("rope_theta", 10_000.0), **rope}
    return {"full_attention": base, "sliding_attention": {"rope_theta": config.get("rope_local_base_freq", 10_000.0)}}


def _qwen3(writer: GGUFWriter, config: Mapping[str, Any]) -> None:
    rope = _rope(config)["full_attention"]
    if rope.get("rope_type", "default") != "default" or config.get("use_sliding_window"):
        raise GgufError("a Qwen3 with YaRN or a sliding window: no GGUF export")
    _common(writer, config)
    writer.add_rope_freq_base(float(rope["rope_theta"]))


def _llama(writer: GGUFWriter, config: Mapping[str, Any]) -> None:
    rope = _rope(config)["full_attention"]
    if rope.get("rope_type", "default") not in {"default", "llama3"}:
        raise GgufError(f"a Llama with rope_type {rope['rope_type']}: no GGUF export")
    _common(writer, config)
    writer.add_rope_freq_base(float(rope["rope_theta"]))
    writer.add_rope_dimension_count(
        int(config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"])
    )


def rope_factors(config: Mapping[str, Any]) -> Array | None:
    """Llama 3.1's factors of the rotary frequencies, the tensor `rope_freqs`; None for all other models.

    Source: `_compute_llama3_parameters` of transformers' modeling_rope_utils; llama.cpp divides by the factors.
    """
    rope = _rope(config)["full_attention"]
    if rope.get("rope_type") != "llama3":
        return None
    dims = int(config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"])
    base, factor = float(rope["rope_theta"]), float(rope["factor"])
    low, high = float(rope["low_freq_factor"]), float(rope["high_freq_factor"])
    original = float(rope["original_max_position_embeddings"])
    wavelengths = 2 * np.pi * base ** (np.arange(0, dims, 2, dtype=np.float64) / dims)
    smooth = (original / wavelengths - low) / (high - low)
    between = 1 / ((1 - smooth) / factor + smooth)
    factors = np.where(wavelengths < original / high, 1.0, np.where(wavelengths > original / low, factor, between))
    return factors.astype(np.float32)


def _interleaved(name: str, values: Array, config: Mapping[str, Any]) -> Array:
    """llama.cpp rotates neighbouring rows of a Llama's queries and keys, transformers the halves of a head."""
    if not name.endswith(("q_proj.weight", "k_proj.weight")):
        return values
    heads = int(config["num_attention_heads" if "q_proj" in name else "num_key_value_heads"])
    rows = values.shape[0] // heads // 2
    return values.reshape(heads, 2, rows, *values.shape[1:]).swapaxes(1, 2).reshape(values.shape)


def _as_it_is(_name: str, values: Array, _config: Mapping[str, Any]) -> Array:
    return values


def _no_offset(_name: str) -> float:
    return 0.0


def _one_on_norms(name: str) -> float:
    """transformers multiplies by 1 + weight, llama.cpp by the weight."""
    return 1.0 if name.endswith("norm.weight") else 0.0


_GEMMA3 = Architecture(name="gemma3", write=_gemma3, arrange=_as_it_is, offset=_one_on_norms)

ARCHITECTURES: dict[str, Architecture] = {
    "gemma3": _GEMMA3,
    "gemma3_text": _GEMMA3,
    "qwen3": Architecture(name="qwen3", write=_qwen3, arrange=_as_it_is, offset=_no_offset),
    "llama": Architecture(name="llama", write=_llama, arrange=_interleaved, offset=_no_offset),
}
"""By `model_type` of config.json."""
