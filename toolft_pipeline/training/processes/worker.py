"""One of the processes that train together.

    python -m toolft_pipeline.training.processes.worker REQUEST

torch's elastic agent starts it and names its rank in the environment, where accelerate reads it.

Invariant: a worker never outlives the process that started the run (see `messages`), and says what it trained, or its
error, before it ends; one that a signal stopped ends in silence. The main one (rank 0) alone writes to the log.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import msgspec

from toolft_pipeline.errors import FixableError
from toolft_pipeline.training.processes.messages import Ended, Failed, Hello, Line, Message, Request, encode
from toolft_pipeline.training.runtime.allocator import keep_large_blocks
from toolft_pipeline.training.runtime.heartbeat import heartbeat
from toolft_pipeline.training.runtime.kernel_caches import limit_kernel_caches
from toolft_pipeline.training.sft.fit import Fitted, fit
from toolft_pipeline.training.sft.training_inputs import TrainingInputs


class Link:
    """The connection to the process that started the run."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(address)
        self._lock = threading.Lock()

    def send(self, message: Message) -> None:
        """Send a message; threads may."""
        with self._lock:
            self._socket.sendall(encode(message))

    def listen(self) -> None:
        """Give this process every signal whose number comes in; kill its process group when the starter is gone."""
        with self._socket.makefile("rb") as lines:
            for line in lines:
                os.kill(os.getpid(), int(line))
        os.killpg(os.getpgrp(), signal.SIGKILL)


def main(path: Path) -> int:
    """Train; returns the exit status."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    request, rank = msgspec.json.decode(path.read_bytes(), type=Request), int(os.environ["RANK"])
    link = Link(request.address)
    link.send(Hello(rank=rank, pid=os.getpid()))
    threading.Thread(target=link.listen, name="starter", daemon=True).start()
    try:
        fitted = _train(request.inputs, log=_log_of(link) if rank == 0 else _no_log)
        _leave_group()
        link.send(Ended.of(fitted))
    except Exception as error:
        traceback.print_exc()
        link.send(_failure(error))
        return 1
    return 0


def _train(run: TrainingInputs, *, log: Callable[[str], None]) -> Fitted:
    limit_kernel_caches()
    keep_large_blocks()
    import torch

    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    with heartbeat(progress=log) as beat:
        return fit(run, run.draw(), beat)


def _log_of(link: Link) -> Callable[[str], None]:
    return lambda text: link.send(Line(text=text))


def _no_log(_line: str) -> None:
    """The main process says it."""


def _failure(error: Exception) -> Failed:
    """The message about an error; a library's error has its kind before its first line."""
    import torch.distributed as dist

    if isinstance(error, FixableError):
        return Failed(text=str(error), fixable=True)
    words = str(error).strip() or "no message"
    of_peer = isinstance(error, dist.DistError) or any(name in words.lower() for name in ("gloo", "nccl", "by peer"))
    number = error.errno if isinstance(error, OSError) else None
    return Failed(text=f"{type(error).__name__}: {words.splitlines()[0]}", fixable=False, errno=number, of_peer=of_peer)


def _leave_group() -> None:
    import torch.distributed as dist

    if dist.is_initialized():
        dist.destroy_process_group()


def _stop(_number: int, _frame: FrameType | None) -> None:
    """End at once. While training runs another handler is in force, which saves the step before this one is called; an
    exception could be lost, in a destructor say, and the worker would go on."""
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
