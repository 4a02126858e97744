"""Limit the caches of compiled kernels, which otherwise grow with every new shape.

On a CPU, oneDNN compiles a bf16 product for each shape. It caches 1,024 such kernels with their buffers, and PyTorch
caches handles of 1,024 more per thread: 120 steps over four small layers grew from 297 to 1,040 MB with different
lengths, and from 294 to 322 MB with equal ones. Neither autograd nor the allocator's settings made a difference.
Training therefore fills packs, labelled positions and blocks of attention up to a few lengths (sft/filled_packs.py,
lm_head.py, block_attention.py), and the caches hold all their kernels.

malloc_trim does not help against what fragmentation is left: after every step it takes 52 s of system time instead of
18; after every eighth step it takes 0.5 s a call (2 % of CPU time), and the peak of 48 steps stays the same.

Invariant: results do not depend on it. Variables that are already set stay.
"""

from __future__ import annotations

import os

CAPACITY = "128"
"""Kernels per cache. A training step of Gemma 3 270M has about 100 shapes: with 16 nearly every product compiles its
kernel again (250 tokens/s against 310), and more than 128 are no faster. Peak of 20 steps: 2.35 GiB."""

VARIABLES = ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY")
"""oneDNN's cache, and PyTorch's cache of its handles. Both are read once, at the process's first product."""


def limit_kernel_caches() -> None:
    """Set the limits. Call it before the process's first matrix product."""
    for variable in VARIABLES:
        os.environ.setdefault(variable, CAPACITY)
