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
