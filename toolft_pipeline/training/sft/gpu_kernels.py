"""Choose the kernels of training on a GPU: flash attention and Liger's layers, by what is installed and can run.

Invariant: a kernel is faster or smaller and computes the same up to rounding, so the choice enters no fingerprint. What
cannot run is not chosen, so that a night never fails for it; `training.flash_attention` and `training.liger_kernels`
turn each off. A CPU has kernels of its own (`lm_head`, `cpu_lora`), and nothing is chosen here.

TRL applies Liger's layers without Liger's own loss, so its fused head and what reads it (`lm_head.head_inputs`) stay.
Written from the libraries' documents and tested with stand-ins for them; never run on a GPU.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from toolft_pipeline.compute_type import ComputeType
from toolft_pipeline.settings import TrainingSettings

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedConfig

GpuAttention = Literal["flash_attention_3", "flash_attention_2", "sdpa"]
"""Values of `attn_implementation`."""

MAX_HEAD = 256
"""Width of a head up to which flash attention has kernels. Gemma 4's full-attention layers have heads of 512."""


@dataclass(frozen=True, kw_only=True)
class GpuKernels:
    """The attention implementation, whether Liger's layers are used, and why."""

    attention: GpuAttention
    attention_reason: str
    liger: bool
    liger_reason: str

    @property
    def flash(self) -> bool:
        """Whether attention is one of the flash attention packages."""
        return self.attention != "sdpa"

    @property
    def line(self) -> str:
        """The choice in one line of a log."""
        liger = "used" if self.liger else "not used"
        return f"attention: {self.attention} ({self.attention_reason}); Liger kernels {liger} ({self.liger_reason})"


def choose_gpu_kernels(
    *, config: PreTrainedConfig, training: TrainingSettings, compute: ComputeType, device: torch.device, images: bool
) -> GpuKernels | None:
    """The kernels for a base of this config on a device; `images`: whether rows contain images. None on a CPU."""
    import torch

    if device.type != "cuda" or not torch.cuda.is_available():
        return None
    half = compute is ComputeType.BF16 and training.method != "full"
    problem = _against_flash(config, half=half, images=images) if training.flash_attention else "turned off by setting"
    attention: tuple[GpuAttention, str] = ("sdpa", problem) if problem else _flash_attention(device)
    liger = _liger(config.model_type) if training.liger_kernels else (False, "turned off by setting")
    return GpuKernels(attention=attention[0], attention_reason=attention[1], liger=liger[0], liger_reason=liger[1])


def _against_flash(config: PreTrainedConfig, *, half: bool, images: bool) -> str:
    """Why flash attention cannot compute this model and these rows, on any device; empty if it can."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM._model_mapping[type(config)]
    widest = _widest_head(config.get_text_config())
    if not half:
        return "flash attention needs 16-bit weights"
    if not model._supports_flash_attn:
        return f"{model.__name__} does not support flash attention"
    if widest > MAX_HEAD:
        return f"heads of {widest}, and flash attention has kernels up to {MAX_HEAD}"
    if images:
        return "tokens of an image see each other, and flash attention has no such mask"
    return ""


def _widest_head(config: Any) -> int:
    """The width of the widest attention head; Gemma 4's full-attention layers have wider ones than the others."""
    layers = [config]
    if getattr(config, "is_heterogeneous", False):
        layers = [config.per_layer_config[number] for number in range(config.num_hidden_layers)]
    widths = (getattr(layer, "head_dim", None) or layer.hidden_size // layer.num_attention_heads for layer in layers)
    return max(int(width) for width in widths)


def _flash_attention(device: torch.device) -> tuple[GpuAttention, str]:
    """The newest flash attention that is installed and runs on a device, and why."""
    import torch
    from transformers import utils

    major, minor = torch.cuda.get_device_capability(device)
    capability = f"compute capability {major}.{minor}"
    runs = {3: major == 9, 2: major >= 8}  # version 3 is compiled for Hopper's own instructions
    known = {
        3: ("flash-attn-3", _load_flash_attention_3, utils.is_flash_attn_3_available),
        2: ("flash-attn", _load_flash_attention_2, utils.is_flash_attn_2_available),
    }
    problems = []
    for version, (distribution, load, is_available) in known.items():
        if not runs[version]:
            problems.append(f"{distribution} does not run on {capability}")
        elif not is_available():
            problems.append(f"{distribution} is not installed")
        elif failure := _import_failure(load):
            problems.append(f"{distribution} cannot be imported: {failure}")
        else:
            return ("flash_attention_3" if version == 3 else "flash_attention_2"), f"{distribution}, {capability}"
    return "sdpa", ", ".join(problems)


def _liger(model_type: str) -> tuple[bool, str]:
    """Whether Liger has layers for a model type, and why."""
    from transformers import utils

    if not utils.is_liger_kernel_available():
        return False, "liger-kernel is not installed"
    if failure := _import_failure(_model_types_of_liger):
        return False, f"liger-kernel cannot be imported: {failure}"
    if model_type not in _model_types_of_liger():
        return False, f"liger-kernel has no layers for {model_type}"
    return True, f"liger-kernel has layers for {model_type}"


def _load_flash_attention_3() -> None:
    import flash_attn_interface  # noqa: F401


def _load_flash_attention_2() -> None:
    import flash_attn  # noqa: F401


def _model_types_of_liger() -> frozenset[str]:
    from liger_kernel.transformers.monkey_patch import MODEL_TYPE_TO_APPLY_LIGER_FN

    return frozenset(MODEL_TYPE_TO_APPLY_LIGER_FN)


def _import_failure(load: Callable[[], object]) -> str:
    """Why a package cannot be imported, in one line; empty if it can. One that was built for another torch cannot."""
    try:
        load()
    except Exception as error:  # a library of CUDA code that does not load raises ImportError, OSError or RuntimeError
        return " ".join(f"{type(error).__name__}: {error}".split())[:200]
    return ""
