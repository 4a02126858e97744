"""The device that a model is loaded on.

Invariant: every model that a stage loads is placed explicitly by this function. By default transformers puts a
quantized model on the first GPU and any other on the CPU, and models that are compared must be on one device.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolft_pipeline.training.runtime.free_memory import free_memory

if TYPE_CHECKING:
    import torch


def model_device(*, bytes_needed: float = 0.0) -> torch.device:
    """The process's CUDA device; the CPU if there is none or it has less than `bytes_needed` free."""
    import torch

    if torch.cuda.is_available():
        device = torch.device("cuda", torch.cuda.current_device())
        if bytes_needed <= free_memory(device):
            return device
    return torch.device("cpu")
