"""Kernels that were compiled for one shape do not stay in memory for the rest of a run.

On a CPU, oneDNN compiles a bf16 product anew for each shape, and packed rows differ in length from step to step. It
keeps 1,024 such kernels with their buffers, and PyTorch keeps handles of 1,024 more in each thread: 120 steps over four
small layers grew from 297 to 1,040 MB where the lengths differed, and from 294 to 322 MB where they were equal. Neither
autograd nor the allocator's settings made a difference to that.

What still grows is the heap, by free pieces between its blocks: from 2.6 to 3.4 GiB in 32 steps of many lengths of
Gemma 3 270M. Giving them back after each step (malloc_trim) left 2.4 to 2.8, and took 52 s of system time for 18.

Invariant: results do not depend on it. What a person has set in the environment stays.
"""

from __future__ import annotations

import os

CAPACITY = "64"
"""Kernels that each cache keeps: more than the steps over one packed row use. With equal lengths it costs no CPU time
(17.95 s of user time for 18.08 s)."""

VARIABLES = ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY")
"""oneDNN's own cache, and PyTorch's of its handles. Both are read once, at the process's first product."""


def limit_kernel_caches() -> None:
    """Keep few compiled kernels. Call it before the process's first product of matrices."""
    for variable in VARIABLES:
        os.environ.setdefault(variable, CAPACITY)
