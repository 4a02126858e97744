"""What the processes of one training run agree on, by torch's collective operations.

Invariant: all processes call these functions in the same order, each of them as often as the others. In a run of one
process they communicate nothing and return what they were given.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from toolft_pipeline.training.runtime.model_device import model_device

_RANK_VARIABLES = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE")
"""Where accelerate and torch read that a process is one of several."""


def environment_of_one() -> dict[str, str]:
    """The environment for a child of this process that works alone: it must not wait for the others."""
    return {name: value for name, value in os.environ.items() if name not in _RANK_VARIABLES}


def process_count() -> int:
    """Processes that train together."""
    import torch.distributed as dist

    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def is_main() -> bool:
    """Whether this process writes what all of them made: checkpoints, figures, the adapter."""
    import torch.distributed as dist

    return process_count() == 1 or dist.get_rank() == 0


def any_process(flag: bool) -> bool:
    """Whether the flag is set in any process."""
    return _reduced(int(flag), highest=True) > 0


def sum_of_processes(count: int) -> int:
    """The sum of every process's count."""
    return _reduced(count)


def wait_for_all() -> None:
    """Wait until every process is here."""
    _reduced(0)


@contextmanager
def main_first() -> Iterator[None]:
    """Run a block in the main process, and in the others once it is through there."""
    if not is_main():
        wait_for_all()
    yield
    if is_main():
        wait_for_all()


def _reduced(number: int, *, highest: bool = False) -> int:
    """The sum or the maximum of every process's number."""
    if process_count() == 1:
        return number
    import torch
    import torch.distributed as dist

    reduced = torch.tensor(number, device=model_device())
    dist.all_reduce(reduced, op=dist.ReduceOp.MAX if highest else dist.ReduceOp.SUM)
    return int(reduced)
