"""Train in several processes: start them, pass on what the main one says, and end with all of them.

Invariant: when this ends, so have the launcher and all workers. Of a failed run the reason of the process that failed
first is given, not the complaints of those that waited for it. SIGTERM and Ctrl-C go to every worker, which ends and
saves the step in progress as a run of one process does (`stop_signals`); they have sessions of their own, so that a
signal to this process's group cannot strike them in the middle.
"""

from __future__ import annotations

import errno
import json
import os
import queue
import shutil
import signal
import socketserver
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from toolft_pipeline.errors import FixableError
from toolft_pipeline.training.processes import launcher
from toolft_pipeline.training.processes.messages import Ended, Failed, Hello, Line, Message, Request, decode
from toolft_pipeline.training.runtime.heartbeat import heartbeat
from toolft_pipeline.training.runtime.stop_signals import stop_on_signals
from toolft_pipeline.training.sft.fit import Fitted
from toolft_pipeline.training.sft.training_inputs import TrainingInputs

POLL_S = 0.5


class WorkerFailedError(RuntimeError):
    """A process of the run ended before the training did; one line with the process and its own reason."""


class WorkerRefusedError(FixableError, RuntimeError):
    """A process of the run refused its inputs or settings; one line with its own reason."""


def fit_in_processes(run: TrainingInputs, *, count: int, progress: Callable[[str], None]) -> Fitted:
    """Train in `count` processes; returns what the main one returns, with the highest peak memory.

    Raises `WorkerFailedError`, `WorkerRefusedError`, or `OSError` where a disk is full; signals raise as in `fit`.
    """
    with _workers(run, count=count) as workers, heartbeat(progress=progress) as beat:
        beat.activity = f"starting {count} processes"
        with stop_on_signals() as request:
            while workers.running:
                for text in workers.lines(timeout=POLL_S):
                    beat.activity = ""  # the main process has a heartbeat of its own
                    beat.log(text)
                if request.signal is not None:
                    workers.stop(request.signal)
        if failure := workers.failure:
            raise failure
        ended = [workers.ended[rank] for rank in range(count)]
        counted = ", ".join(f"{each.loss_tokens:,}" for each in ended)
        beat.log(f"positions with loss that each process trained: {counted}")
        return Fitted(
            history=json.loads(ended[0].history),
            step=ended[0].step,
            peak_memory_gb=max(each.peak_memory_gb for each in ended),
            loss_tokens=sum(each.loss_tokens for each in ended),
        )


class _Workers:
    """The launcher, the connections of its workers, and what they said."""

    def __init__(self, process: subprocess.Popen[bytes], server: _Server, *, count: int, statuses: Path) -> None:
        self.ended: dict[int, Ended] = {}
        self._process, self._server, self._count, self._statuses = process, server, count, statuses
        self._failed: dict[int, Failed] = {}
        self._signal: signal.Signals | None = None

    @property
    def running(self) -> bool:
        """Whether the launcher runs, or something that was said is unread."""
        return self._process.poll() is None or bool(self._server.open) or not self._server.said.empty()

    def lines(self, *, timeout: float) -> Iterator[str]:
        """The lines for the log that come within some seconds."""
        with suppress(queue.Empty):
            rank, message = self._server.said.get(timeout=timeout)
            match message:
                case Line():
                    yield message.text
                case Ended():
                    self.ended[rank] = message
                case Failed():
                    self._failed.setdefault(rank, message)
                case Hello() if self._signal is not None:
                    self._server.send(rank, self._signal)

    def stop(self, number: signal.Signals) -> None:
        """Give all workers a signal, once."""
        if self._signal is None:
            self._signal = number
            for rank in list(self._server.open):
                self._server.send(rank, number)

    @property
    def failure(self) -> Exception | None:
        """The error of the process that failed first; None if all have trained to the end."""
        if len(self.ended) == self._count:
            return None
        own = [(rank, failed) for rank, failed in self._failed.items() if not failed.of_peer]
        if own:
            return _error(*own[0], count=self._count)
        for rank, status in self._wordless():
            how = f"by signal {signal.Signals(-status).name}" if status < 0 else f"with exit status {status}"
            hint = "; the kernel does that where memory is short" if status == -signal.SIGKILL else ""
            return WorkerFailedError(f"training: process {rank} of {self._count} ended {how}{hint}")
        for rank, failed in self._failed.items():
            return _error(rank, failed, count=self._count)
        if self._process.returncode:
            return WorkerFailedError(f"training: the launcher of {self._count} processes ended; see the step's output")
        return WorkerFailedError(
            "training: a signal stopped its processes; the next attempt goes on after the last step"
        )

    def _wordless(self) -> Iterator[tuple[int, int]]:
        """Rank and exit status of the processes that the launcher found ended, and that said no reason."""
        with suppress(OSError):
            statuses = json.loads(self._statuses.read_text(encoding="utf-8"))
            yield from ((int(rank), status) for rank, status in statuses.items() if int(rank) not in self._failed)

    def end(self) -> None:
        """Kill what still runs. A worker that is connected runs, so its number is its own."""
        for pid in list(self._server.open.values()):
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()


def _error(rank: int, failed: Failed, *, count: int) -> Exception:
    """The error of a process in this one."""
    text = f"process {rank} of {count}: {failed.text}"
    if failed.fixable:
        return WorkerRefusedError(failed.text)
    if failed.errno in {errno.ENOSPC, errno.EDQUOT}:
        return OSError(failed.errno, text)
    return WorkerFailedError(f"training: {text}")


class _Server(socketserver.ThreadingUnixStreamServer):
    """Takes the workers' connections; a thread each puts their messages into one queue."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, address: Path) -> None:
        super().__init__(str(address), _Connection)
        self.said = queue.Queue[tuple[int, Message]]()
        self.open: dict[int, int] = {}
        """Process ids of the connected workers by rank."""
        self.connections: dict[int, _Connection] = {}

    def send(self, rank: int, number: signal.Signals) -> None:
        """Send a worker the number of a signal that it is to give itself."""
        with suppress(OSError, KeyError):
            self.connections[rank].request.sendall(f"{number.value}\n".encode())


class _Connection(socketserver.StreamRequestHandler):
    """Reads one worker's messages until it is gone."""

    server: _Server

    def handle(self) -> None:
        rank = -1
        with suppress(ConnectionError):
            for line in self.rfile:
                message = decode(line)
                if isinstance(message, Hello):
                    rank = message.rank
                    self.server.connections[rank] = self
                    self.server.open[rank] = message.pid
                self.server.said.put((rank, message))
        self.server.open.pop(rank, None)


@contextmanager
def _workers(run: TrainingInputs, *, count: int) -> Iterator[_Workers]:
    """The started workers; at the end of the block none is left."""
    place = Path(tempfile.mkdtemp(prefix="toolft-"))  # for this user alone, and short: a socket's path is
    try:
        with _Server(place / "socket") as server:
            threading.Thread(target=server.serve_forever, name="workers", daemon=True).start()
            request = place / "request.json"
            request.write_bytes(msgspec.json.encode(Request.of(run, address=place / "socket")))
            process, statuses = _launched(request, count=count), place / launcher.STATUSES_FILE
            workers = _Workers(process, server, count=count, statuses=statuses)
            try:
                yield workers
            finally:
                server.shutdown()
                workers.end()
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _launched(request: Path, *, count: int) -> subprocess.Popen[bytes]:
    """The launcher, in a session of its own; it ends when its standard input is closed."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    environment = {
        "OMP_NUM_THREADS": str(max(1, cores // count)),
        "GLOO_SOCKET_IFNAME": "lo" if sys.platform == "linux" else "lo0",  # one machine, whatever its name resolves to
        **os.environ,
    }
    return subprocess.Popen(
        [sys.executable, "-m", launcher.__name__, str(count), str(request)],
        stdin=subprocess.PIPE,
        start_new_session=True,
        env=environment,
    )
