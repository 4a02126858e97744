"""Limit the caches of compiled kernels, which otherwise grow with every new shape.

On a CPU, oneDNN compiles a bf16 product for each shape, and the lengths of packed rows differ from step to step. It
caches 1,024 such kernels with their buffers, and PyTorch caches handles of 1,024 more per thread: 120 steps over four
small layers grew from 297 to 1,040 MB with different lengths, and from 294 to 322 MB with equal ones. Neither autograd
nor the allocator's settings made a difference.

malloc_trim does not help against what fragmentation is left: after every step it takes 52 s of system time instead of
18; after every eighth step it takes 0.5 s a call (2 % of CPU time), and the peak of 48 steps stays the same.

Invariant: results do not depend on it. Variables that are already set stay.
"""

from __future__ import annotations

import os

CAPACITY = "16"
"""Kernels per cache. Each keeps its buffers: with 64 a Llama of 12 layers grew by 9 MB a step, as each new number of
labelled positions made a kernel with 16 MB of its own. Gemma 3 270M's shape, 16 steps of many lengths: peak 2.51 GiB
and rising with 64, 2.30 GiB and flat from the fifth step with 16, in the same CPU time (81.6 s and 80.5 s)."""

VARIABLES = ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY")
"""oneDNN's cache, and PyTorch's cache of its handles. Both are read once, at the process's first product."""


def limit_kernel_caches() -> None:
    """Set the limits. Call it before the process's first matrix product."""
    for variable in VARIABLES:
        os.environ.setdefault(variable, CAPACITY)
