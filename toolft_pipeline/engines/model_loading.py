"""Load a model folder to decode it, on CPU or CUDA, in bf16 or fp32, never in 4 bit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from toolft_pipeline.compute_type import ComputeType
from toolft_pipeline.engines.decoding.blocked_head import use_blocked_head
from toolft_pipeline.engines.engine import EngineError
from toolft_pipeline.training.runtime.model_device import model_device

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class DecodingError(EngineError):
    """The model cannot be run; the message names the folder and the fix."""


def load_model(folder: Path, *, compute: ComputeType) -> PreTrainedModel:
    """Load a model folder on the accelerator, if there is one, with this compute type. Raises `DecodingError`."""
    from transformers import AutoModelForCausalLM
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    try:
        model = AutoModelForCausalLM.from_pretrained(
            folder, local_files_only=True, dtype=compute.dtype, device_map={"": model_device()}
        )
    except (OSError, ValueError) as error:
        raise DecodingError(f"{folder}: not a model folder ({error}); it needs config.json and safetensors") from error
    if getattr(model, "is_quantized", False):
        raise DecodingError(f"{folder}: a quantized model; evaluate the merged bf16 model (4 bit decodes slowly, "
                            "and on a CPU repacks its weights)")  # fmt: skip
    model.eval()
    if model.device.type == "cpu":
        use_blocked_head(model)
    return model


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """Load a model folder's tokenizer. Raises `DecodingError`."""
    from transformers import AutoTokenizer

    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError) as error:
        raise DecodingError(f"{folder}: no readable tokenizer ({error}); it needs tokenizer.json") from error
    return tokenizer
