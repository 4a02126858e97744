"""Base models as they lie on the hub, one of each family: tiny random weights, and everything around them that bites.

Invariant: the class, the config and the names of the weights are the family's own. Configs leave out what their class
has as a default, weights are sharded with an index, and what a download brings along lies beside them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolft_pipeline_tests.chat.tokenizers_of_families import stand_in

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedTokenizerBase

FAMILIES = ("gemma3", "gemma4", "qwen3", "llama3")
"""Families by the chat format that they are trained in."""

_SMALL = {"hidden_size": 32, "intermediate_size": 64, "initializer_range": 0.2}


def write_snapshot(folder: Path, family: str) -> None:
    """Write the base model of a family."""
    import torch
    from transformers import AutoModelForCausalLM

    tokenizer = stand_in(family)
    config = _CONFIGS[family](tokenizer)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(config).to(torch.bfloat16)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.save_pretrained(folder, max_shard_size="100KB")
    tokenizer.save_pretrained(folder)
    _write_sparse_config(config, type(model).__name__, folder)
    for name, text in {
        "README.md": "---\nlicense: other\n---\n",
        "LICENSE.txt": "terms",
        "USE_POLICY.md": "use",
    }.items():
        (folder / name).write_text(text)
    if family == "llama3":
        _write_original_weights(folder)


def _write_sparse_config(config: PreTrainedConfig, architecture: str, folder: Path) -> None:
    """The config without what its class fills in, as Gemma 3's is on the hub."""
    sparse = _sparse(config) | {"architectures": [architecture], "torch_dtype": "bfloat16"}
    (folder / "config.json").write_text(json.dumps(sparse, indent=2))


def _sparse(config: PreTrainedConfig) -> dict[str, Any]:
    """What differs from the class's defaults, within the configs of its parts too."""
    default = type(config)().to_dict()
    parts = {name: _sparse(getattr(config, name)) for name in config.sub_configs if getattr(config, name) is not None}
    own = {name: value for name, value in config.to_dict().items() if name not in default or value != default[name]}
    return {**own, **parts, "model_type": config.model_type}


def _write_original_weights(folder: Path) -> None:
    """What Meta publishes beside the safetensors files: the same weights in a format of its own."""
    (folder / "original").mkdir()
    (folder / "original" / "consolidated.00.pth").write_bytes(b"PK" + bytes(100_000))
    (folder / "original" / "params.json").write_text('{"dim": 32}')
    (folder / "original" / "tokenizer.model").write_text("ranks")
    (folder / "consolidated.safetensors").write_bytes(b"not the file that transformers loads")
    (folder / "pytorch_model.bin").write_bytes(bytes(1000))
    (folder / "pytorch_model.bin.index.json").write_text('{"weight_map": {}}')


def _gemma3(tokenizer: PreTrainedTokenizerBase) -> PreTrainedConfig:
    """Heads, their width and the vocabulary of 262,208 are the class's own, as in gemma-3-4b-it."""
    from transformers import Gemma3Config

    return Gemma3Config(
        text_config={
            **_SMALL,
            **{"num_hidden_layers": 2, "layer_types": ["sliding_attention", "full_attention"], "sliding_window": 64},
        },
        vision_config={
            **{"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2},
            **{"image_size": 28, "patch_size": 14, "vision_use_head": False},
        },
        mm_tokens_per_image=4,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=tokenizer.bos_token_id,
    )


def _gemma4(tokenizer: PreTrainedTokenizerBase) -> PreTrainedConfig:
    """An E model: embeddings per layer, and the last layer reads the keys and values of an earlier one."""
    from transformers import Gemma4Config

    return Gemma4Config(
        text_config={
            **_SMALL,
            **{"vocab_size": len(tokenizer), "vocab_size_per_layer_input": len(tokenizer)},
            **{"hidden_size_per_layer_input": 8, "num_attention_heads": 2, "num_key_value_heads": 1},
            **{"head_dim": 16, "global_head_dim": 16, "num_hidden_layers": 3, "num_kv_shared_layers": 1},
            **{"layer_types": ["sliding_attention", "full_attention", "full_attention"], "sliding_window": 64},
            **{"max_position_embeddings": 4096, "pad_token_id": tokenizer.convert_tokens_to_ids("<pad>")},
            **{"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id},
        },
        vision_config={
            **{"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2},
            **{"num_key_value_heads": 2, "head_dim": 8, "patch_size": 4, "pooling_kernel_size": 3},
            **{"use_clipped_linears": True, "position_embedding_size": 64},
        },
        audio_config=None,
    )


def _qwen3(tokenizer: PreTrainedTokenizerBase) -> PreTrainedConfig:
    from transformers import Qwen3Config

    return Qwen3Config(
        **_SMALL,
        **{"vocab_size": 1024, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2},
        **{"head_dim": 16, "tie_word_embeddings": True, "eos_token_id": tokenizer.eos_token_id, "bos_token_id": None},
    )


def _llama3(tokenizer: PreTrainedTokenizerBase) -> PreTrainedConfig:
    from transformers import LlamaConfig

    scaling: dict[str, Any] = {
        **{"rope_type": "llama3", "rope_theta": 500_000.0, "factor": 32.0, "low_freq_factor": 1.0},
        **{"high_freq_factor": 4.0, "original_max_position_embeddings": 1024},
    }
    return LlamaConfig(
        **_SMALL,
        **{"vocab_size": 1024, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2},
        **{"head_dim": 16, "max_position_embeddings": 4096, "rope_parameters": scaling, "tie_word_embeddings": True},
        **{"eos_token_id": tokenizer.eos_token_id, "bos_token_id": tokenizer.bos_token_id},
    )


_CONFIGS: dict[str, Callable[[PreTrainedTokenizerBase], PreTrainedConfig]] = {
    "gemma3": _gemma3,
    "gemma4": _gemma4,
    "qwen3": _qwen3,
    "llama3": _llama3,
}
