"""A server of the model in service for as long as one command runs.

Invariant: the server is a process of its own, and it has ended when the block ends.
"""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from toolft_pipeline.errors import FixableError

_SERVES = re.compile(r"^serving \S+ on (https?://\S+)$")
_GRACE_S = 10.0


class ServedChildError(FixableError, RuntimeError):
    """The server did not start; the message is its last line."""


@contextmanager
def served_child(agent: str, overrides: Sequence[str] = ()) -> Iterator[str]:
    """Start `toolft serve AGENT` on a free port, with the same `--set`; yields its base URL, which ends in /v1."""
    given = [word for each in overrides for word in ("--set", each)]
    command = [sys.executable, "-m", "toolft_pipeline.cli", "serve", agent, "--port", "0", *given]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        url = _url(process)
        threading.Thread(target=_drain, args=(process,), daemon=True).start()
        yield url
    finally:
        process.terminate()
        try:
            process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _drain(process: subprocess.Popen[str]) -> None:
    """Read what the server writes, so that it never waits for a full pipe."""
    for _ in process.stdout or ():
        pass


def _url(process: subprocess.Popen[str]) -> str:
    last = "it ended without a word"
    for line in process.stdout or ():
        last = line.strip() or last
        if found := _SERVES.match(last):
            url = found[1].rstrip("/")
            return url if url.endswith("/v1") else f"{url}/v1"
    raise ServedChildError(f"the model's server does not start: {last.removeprefix('toolft: ')}")
