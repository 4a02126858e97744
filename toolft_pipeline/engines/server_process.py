"""An inference server in a process of its own, on the loopback, started and ended by us.

Invariant: the process ends with this one, also if this one is killed (see `supervisor`), and what it wrote last stands
in every error about it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from toolft_pipeline.engines.engine import EngineError

TAIL_LINES = 20
"""Lines of output that an error shows."""

LONGEST_LINE = 400

GRACE_S = 20.0
"""Seconds that the process gets to end after it was asked to."""


class ServerProcess:
    """A command that serves HTTP; `name` is what errors call it."""

    def __init__(self, *, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._name = name
        self._command = tuple(command)
        self._environment = dict(environment)
        self._process: asyncio.subprocess.Process | None = None
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._reader: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        """Whether the process was started and has not ended."""
        return self._process is not None and self._process.returncode is None

    async def start(self, on_line: Callable[[str], None] = lambda _line: None) -> None:
        """Start the command; `on_line` gets every line that it writes."""
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "toolft_pipeline.engines.supervisor", str(GRACE_S)),
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, **self._environment},
            start_new_session=True,  # Ctrl-C ends this process first, which lets requests finish
        )
        self._reader = asyncio.create_task(self._read(on_line))

    async def ready(self, answers: Callable[[], object], *, timeout_s: float, every_s: float = 0.1) -> None:
        """Wait until the coroutine that `answers` makes is true. Raises `EngineError` if the process ends before."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        while True:
            probe = answers()
            if await probe if asyncio.iscoroutine(probe) else probe:
                return
            if not self.running:
                await self._read_to_end()
                raise EngineError(f"{self._name}: its process ended while it started; {self.last_words()}")
            if asyncio.get_running_loop().time() > deadline:
                raise EngineError(
                    f"{self._name}: not ready after {timeout_s:g} s; look at its output: {self.last_words()}"
                )
            await asyncio.sleep(every_s)

    async def ended(self, *, within_s: float) -> bool:
        """Whether the process has ended, or ends within this time: a connection breaks before its process is gone."""
        if self._process is None:
            return False
        try:
            await asyncio.wait_for(self._process.wait(), timeout=within_s)
        except TimeoutError:
            return False
        await self._read_to_end()
        return True

    async def stop(self) -> None:
        """End the process and all that it started; returns when they have ended."""
        if self._process is None:
            return
        if self._process.stdin is not None:
            self._process.stdin.close()
        await self._process.wait()
        await self._read_to_end()

    def last_words(self) -> str:
        """What the process wrote last, for an error."""
        if not self._tail:
            return f"it wrote nothing (command: {' '.join(self._command[:3])} ...)"
        return "its last lines: " + " | ".join(self._tail)

    async def _read(self, on_line: Callable[[str], None]) -> None:
        if self._process is None or self._process.stdout is None:
            return
        while line := await _line(self._process.stdout):
            text = line.decode("utf-8", "replace").rstrip()
            if text:
                self._tail.append(text[:LONGEST_LINE])
                on_line(text)

    async def _read_to_end(self) -> None:
        if self._reader is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._reader), timeout=5)


async def _line(stream: asyncio.StreamReader) -> bytes:
    """The next line, or the part of a very long one (a progress bar) that fits the buffer."""
    try:
        return await stream.readuntil(b"\n")
    except asyncio.IncompleteReadError as error:
        return error.partial
    except asyncio.LimitOverrunError as error:
        return await stream.readexactly(error.consumed)


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def new_key() -> str:
    """A key that only this process and the server that it starts know."""
    return secrets.token_urlsafe(32)
