"""Free memory of this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def free_memory(device: torch.device) -> float:
    """Bytes that this process can still allocate on a device.

    On CUDA: memory that no process holds, and what PyTorch's allocator has reserved; in RAM: what the container's limit
    leaves.
    """
    import psutil  # type: ignore[import-untyped]
    import torch

    if device.type == "cuda":
        unused, _ = torch.cuda.mem_get_info(device)
        return float(unused + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device))
    free = float(psutil.virtual_memory().available)
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
        used = Path("/sys/fs/cgroup/memory.current").read_text(encoding="ascii").strip()
    except OSError:
        return free
    return free if limit == "max" else min(free, float(limit) - float(used))
