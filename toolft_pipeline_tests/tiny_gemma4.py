"""A base with eyes in Hugging Face layout, built from configs: Gemma 4's processor, and a random model of a few layers.

The stand-in tokenizer of the family carries it: the official one cannot be fetched where the suite runs. Patches are 4
pixels wide and an image has at most 70 tokens.
"""

from __future__ import annotations

import json
from pathlib import Path

from toolft_pipeline_tests.chat.tokenizers_of_families import stand_in

PATCH, SOFT_TOKENS, POOLED = 4, 70, 3


def make_processor(folder: Path) -> None:
    """Write tokenizer and processor."""
    from transformers.models.gemma4.image_processing_pil_gemma4 import Gemma4ImageProcessorPil

    tokenizer = stand_in("gemma4")
    tokenizer.pad_token = "<pad>"
    tokenizer._set_model_specific_special_tokens(
        {
            **{"image_token": "<|image|>", "boi_token": "<|image>", "eoi_token": "<image|>"},
            **{"audio_token": "<|audio|>", "boa_token": "<|audio>", "eoa_token": "<audio|>"},
        }
    )
    tokenizer.save_pretrained(folder)
    pictures = Gemma4ImageProcessorPil(patch_size=PATCH, max_soft_tokens=SOFT_TOKENS, pooling_kernel_size=POOLED)
    config = {"processor_class": "Gemma4Processor", "image_processor": json.loads(pictures.to_json_string())}
    (folder / "processor_config.json").write_text(json.dumps(config))


def make_tiny_gemma4(folder: Path) -> None:
    """Write processor and model: two text layers and two vision layers of random weights, in bf16."""
    import torch
    from transformers import AutoTokenizer, Gemma4Config, Gemma4ForConditionalGeneration

    make_processor(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = dict(zip(_IDS, tokenizer.convert_tokens_to_ids(list(_IDS.values())), strict=True))
    config = Gemma4Config(
        text_config={
            **{"vocab_size": len(tokenizer), "vocab_size_per_layer_input": len(tokenizer)},
            **{"hidden_size": 64, "intermediate_size": 128, "hidden_size_per_layer_input": 8, "head_dim": 16},
            **{"num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1, "global_head_dim": 16},
            **{"layer_types": ["sliding_attention", "full_attention"], "max_position_embeddings": 4096},
            **{
                "use_bidirectional_attention": "vision",
                "initializer_range": 0.2,
                "pad_token_id": tokenizer.pad_token_id,
            },
            **{"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id},
        },
        vision_config={
            **{"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2},
            **{"num_key_value_heads": 2, "head_dim": 16, "patch_size": PATCH, "pooling_kernel_size": POOLED},
            **{"use_clipped_linears": True, "position_embedding_size": 512},
        },
        audio_config=None,
        **ids,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Gemma4ForConditionalGeneration(config).to(torch.bfloat16)
    model.save_pretrained(folder)


_IDS = {
    "boi_token_id": "<|image>",
    "image_token_id": "<|image|>",
    "eoi_token_id": "<image|>",
    "boa_token_id": "<|audio>",
    "audio_token_id": "<|audio|>",
    "eoa_token_index": "<audio|>",
    "video_token_id": "<|video|>",
}
