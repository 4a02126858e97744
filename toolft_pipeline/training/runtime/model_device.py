"""Where a model lives.

Invariant: every model that a stage loads is placed by this function, explicitly. transformers puts a quantized model on
the first GPU and any other on the CPU where nothing is said, and two models that are compared must be on one device.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolft_pipeline.training.runtime.free_memory import free_memory

if TYPE_CHECKING:
    import torch


def model_device(*, bytes_needed: float = 0.0) -> torch.device:
    """The process's CUDA device; the CPU where there is none, or where it has fewer bytes free than are needed."""
    import torch

    if torch.cuda.is_available():
        device = torch.device("cuda", torch.cuda.current_device())
        if bytes_needed <= free_memory(device):
            return device
    return torch.device("cpu")
