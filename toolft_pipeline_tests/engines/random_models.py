"""Tiny random models of three families whose answers depend on every weight: no norm is 1, no layer is faint."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedModel

FAMILIES = ("gemma3", "qwen3", "llama3")

STOPS = {
    "gemma3": ("<end_of_turn>", "<eos>"),
    "qwen3": ("<|im_end|>", "<|endoftext|>"),
    "llama3": ("<|eot_id|>", "<|eom_id|>", "<|end_of_text|>"),
}


def write_tiny(folder: Path, family: str, *, tied: bool = True) -> Path:
    """Write the model and the family's small tokenizer in Hugging Face layout, in float32.

    With an output matrix of its own (`tied` False) a model does not repeat the last token of its prompt.
    """
    import torch
    from transformers import AutoModelForCausalLM

    from toolft_pipeline_tests.chat.tokenizers_of_families import stand_in

    tokenizer = stand_in(family)
    model = AutoModelForCausalLM.from_config(_config(family, len(tokenizer)))
    if not tied:
        model.config.tie_word_embeddings = False
        model.lm_head.weight = torch.nn.Parameter(torch.empty_like(model.lm_head.weight))
    _randomize(model)
    with torch.no_grad():  # bytes that are no characters: no decoder can stream them at random
        silent = [id_ for id_ in range(len(tokenizer)) if "\ufffd" in tokenizer.decode([id_])]
        model.get_output_embeddings().weight[silent] = 0
    model.to(torch.float32).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _randomize(model: PreTrainedModel) -> None:
    """Draw weights that matter: answers of a fresh model hardly depend on its layers."""
    import torch

    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(1)
        for name, weight in model.named_parameters():
            if "norm" in name:
                weight.copy_(torch.randn_like(weight) * 0.3 + (0.0 if "gemma" in model.config.model_type else 1.0))
            elif "embed" in name or "lm_head" in name:
                weight.copy_(torch.randn_like(weight) * 0.5)
            else:
                weight.copy_(torch.randn_like(weight) / weight.shape[-1] ** 0.5)


def _config(family: str, vocabulary: int) -> Any:
    from transformers import Gemma3TextConfig, LlamaConfig, Qwen3Config

    small = {
        **{"vocab_size": vocabulary, "hidden_size": 64, "intermediate_size": 96, "num_attention_heads": 4},
        **{"num_key_value_heads": 2, "head_dim": 32, "max_position_embeddings": 2048},
    }
    if family == "gemma3":
        return Gemma3TextConfig(
            **small,
            num_hidden_layers=7,
            sliding_window=16,
            query_pre_attn_scalar=32,
            layer_types=["full_attention" if layer % 6 == 5 else "sliding_attention" for layer in range(7)],
            tie_word_embeddings=True,
        )
    if family == "qwen3":
        return Qwen3Config(**small, num_hidden_layers=3, tie_word_embeddings=True)
    scaling = {
        **{"rope_type": "llama3", "rope_theta": 10_000.0, "factor": 8.0, "low_freq_factor": 1.0},
        **{"high_freq_factor": 4.0, "original_max_position_embeddings": 64},
    }
    return LlamaConfig(**small, num_hidden_layers=3, tie_word_embeddings=False, rope_parameters=scaling)
