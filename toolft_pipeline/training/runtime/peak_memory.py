"""Peak memory of this process."""

from __future__ import annotations

import resource
import sys

from toolft_pipeline.training.runtime.model_device import model_device


def peak_memory_gb() -> float:
    """Peak memory of this process in GiB: on the accelerator if there is one, else resident."""
    import torch

    device = model_device()
    if device.type == "cuda":
        return float(torch.cuda.max_memory_allocated(device)) / 2**30
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes / (2**30 if sys.platform == "darwin" else 2**20)
