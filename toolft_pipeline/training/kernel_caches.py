"""Kernels that were compiled for one shape do not stay in memory for the rest of a run.

On a CPU, oneDNN compiles a bf16 product anew for each shape, and packed rows differ in length from step to step. It
keeps 1,024 such kernels with their buffers, and PyTorch keeps handles of 1,024 more in each thread: 120 steps over four
small layers grew from 297 to 1,040 MB where the lengths differed, and from 294 to 322 MB where they were equal. Neither
the allocator nor autograd played a part in it.

Invariant: results do not depend on it.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

CAPACITY = 64
"""Kernels that are kept: more than one step over one packed row uses."""


def bound_kernel_caches() -> bool:
    """Keep few compiled kernels from now on; returns whether oneDNN took it. Call it before the first product: PyTorch
    reads its own bound once."""
    import torch

    os.environ.setdefault("LRU_CACHE_CAPACITY", str(CAPACITY))
    libraries = Path(torch.__file__).parent / "lib"
    for name in ("libtorch_cpu.so", "libtorch_cpu.dylib", "torch_cpu.dll"):
        try:
            return bool(ctypes.CDLL(str(libraries / name)).dnnl_set_primitive_cache_capacity(CAPACITY) == 0)
        except (AttributeError, OSError):
            continue
    return False
