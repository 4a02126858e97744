"""Backends that stay open and are handed out one at a time.

Invariant: at most `size` are open, each is opened when it is first needed, and after `close()` none is left, also where
an interruption came while one was starting in another thread: who uses the pool from threads ends them before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Lock

from toolft_pipeline.sandbox.kinds import start_sandbox
from toolft_pipeline.sandbox.protocol import Sandbox, SandboxError
from toolft_pipeline.settings import SandboxSettings


class SessionPool:
    """Up to `size` backends, made by `open_one`. The pool may be shared between threads, a backend may not."""

    def __init__(self, open_one: Callable[[], Sandbox], *, size: int) -> None:
        self.size = size
        self._open_one = open_one
        self._lock = Lock()
        self._free: list[Sandbox] = []
        self._n_taken = 0
        self._opened = ExitStack()

    def take(self) -> Sandbox:
        """A backend in any state: reset it. Raises `SandboxError` if all are taken or a new one does not start."""
        with self._lock:
            if self._n_taken == self.size:
                raise SandboxError(f"all {self.size} sandbox sessions are in use; give one back, or take fewer")
            self._n_taken += 1
            if self._free:
                return self._free.pop()
        try:
            sandbox = self._open_one()
        except BaseException:
            with self._lock:
                self._n_taken -= 1
            raise
        with self._lock:
            self._opened.callback(sandbox.close)
        return sandbox

    def give_back(self, sandbox: Sandbox) -> None:
        """Return a backend that `take` handed out, in any state, also one whose server has ended."""
        with self._lock:
            self._free.append(sandbox)
            self._n_taken -= 1

    @contextmanager
    def borrowed(self) -> Iterator[Sandbox]:
        """A backend for a `with` block."""
        sandbox = self.take()
        try:
            yield sandbox
        finally:
            self.give_back(sandbox)

    def close(self) -> None:
        """End all backends, those that were not given back too."""
        self._opened.close()


@contextmanager
def open_sessions(settings: SandboxSettings, *, cwd: Path, size: int) -> Iterator[SessionPool]:
    """A pool of MCP servers for a `with` block: one process each, started when it is first needed."""
    pool = SessionPool(lambda: start_sandbox(settings, cwd=cwd), size=size)
    try:
        yield pool
    finally:
        pool.close()
