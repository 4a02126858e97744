"""Write the base that a QLoRA adapter was trained on: its NF4 weights, dequantized, as a model folder in bf16.

Invariant: the adapter over this folder is the model that was trained, as the merge is (see `merge`). Over the
unquantized base it is another one. Run as a program it ends with its memory given back:
`python -m toolft_pipeline.training.merging.dequantized_base BASE OUT`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from toolft_pipeline.chat.rendering.processor import copy_processor_files
from toolft_pipeline.training.base.base_model import make_portable, quiet_transformers
from toolft_pipeline.training.base.quantized import load_dequantized
from toolft_pipeline.training.base.snapshot import count_parameters
from toolft_pipeline.training.merging.merge import MERGE_BYTES
from toolft_pipeline.training.runtime.model_device import model_device

if TYPE_CHECKING:
    import torch


def write_dequantized_base(base: Path, out: Path, *, device: torch.device | None = None) -> None:
    """Write `out`, a model folder with the tokenizer of the base; `device` is where NF4 is computed, the accelerator
    if there is room on it by default."""
    from transformers import AutoTokenizer

    device = device or model_device(bytes_needed=MERGE_BYTES * count_parameters(base))
    with quiet_transformers():
        model = load_dequantized(base, quantization="nf4", device=device)
        model.save_pretrained(out)
        AutoTokenizer.from_pretrained(base).save_pretrained(out)
        copy_processor_files(base, out)
        make_portable(out)


if __name__ == "__main__":
    write_dequantized_base(Path(sys.argv[1]), Path(sys.argv[2]))
