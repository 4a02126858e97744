"""Limit the caches of compiled kernels, which otherwise grow with every new shape.

On a CPU, oneDNN compiles a bf16 product for each shape, and the lengths of packed rows differ from step to step. It
caches 1,024 such kernels with their buffers, and PyTorch caches handles of 1,024 more per thread: 120 steps over four
small layers grew from 297 to 1,040 MB with different lengths, and from 294 to 322 MB with equal ones. Neither autograd
nor the allocator's settings made a difference.

The heap still grows by fragmentation: from 2.6 to 3.4 GiB in 32 steps of many lengths of Gemma 3 270M. malloc_trim does
not help: after every step it leaves 2.4 to 2.8 GiB and takes 52 s of system time instead of 18; after every eighth step
it takes 0.5 s a call (2 % of CPU time), and the peak of 48 steps stays the same (3.26 GiB, 3.22 without).

Invariant: results do not depend on it. Variables that are already set stay.
"""

from __future__ import annotations

import os

CAPACITY = "64"
"""Kernels per cache: more than the steps over one packed row use. With equal lengths it costs no CPU time (17.95 s of
user time against 18.08 s)."""

VARIABLES = ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY")
"""oneDNN's cache, and PyTorch's cache of its handles. Both are read once, at the process's first product."""


def limit_kernel_caches() -> None:
    """Set the limits. Call it before the process's first matrix product."""
    for variable in VARIABLES:
        os.environ.setdefault(variable, CAPACITY)
