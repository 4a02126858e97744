"""Memory that a stage may still take on this machine."""

from __future__ import annotations

from pathlib import Path


def free_memory() -> float:
    """Bytes that training may take: on the accelerator where there is one, else RAM within the container's limit."""
    import psutil  # type: ignore[import-untyped]
    import torch

    if torch.cuda.is_available():
        return float(torch.cuda.mem_get_info()[0])
    free = float(psutil.virtual_memory().available)
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
        used = Path("/sys/fs/cgroup/memory.current").read_text(encoding="ascii").strip()
    except OSError:
        return free
    return free if limit == "max" else min(free, float(limit) - float(used))
