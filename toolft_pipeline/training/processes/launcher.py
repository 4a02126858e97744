"""Start the workers of a training run, and end all of them when one fails.

    python -m toolft_pipeline.training.processes.launcher COUNT REQUEST

Invariant: the work is that of torch's elastic agent, which `accelerate launch --multi_gpu` and torchrun start too; it
picks a free port, tells each worker its rank, and ends the others when one fails. `accelerate launch` itself starts
several processes on GPUs alone (on a CPU it needs MPI), so its tests here would test another path than a GPU takes.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import uuid
from pathlib import Path

from toolft_pipeline.training.processes import worker

STATUSES_FILE = "statuses.json"
"""Beside the request: the exit statuses of the workers that failed first, by rank; a signal is negative."""


def main(count: int, request: Path) -> int:
    """Run the workers; returns 0 when all of them have, 1 when one failed."""
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    for number in (signal.SIGTERM, signal.SIGINT):  # the starter ends the workers after their step, then this ends
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_starter, daemon=True).start()
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=count,
        run_id=uuid.uuid4().hex,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        local_addr="localhost",
        max_restarts=0,
        signals_to_handle="SIGQUIT",
    )
    try:
        elastic_launch(config, sys.executable)("-u", "-m", worker.__name__, str(request))
    except ChildFailedError as error:
        statuses = {str(rank): failure.exitcode for rank, failure in error.failures.items()}
        request.with_name(STATUSES_FILE).write_text(json.dumps(statuses), encoding="utf-8")
        return 1
    return 0


def _end_with_starter() -> None:
    """End when the starter has: its end of this process's standard input is closed. The workers notice themselves."""
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), Path(sys.argv[2])))
