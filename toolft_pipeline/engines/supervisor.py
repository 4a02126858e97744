"""Runs one command for as long as its own standard input stays open: `python -m ... GRACE_S COMMAND...`.

Invariant: whoever started it cannot leave the command behind. Standard input closes when that process ends, however it
ends, and the whole process group of the command is then asked to end and, after the grace, killed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading


def main(arguments: list[str]) -> int:
    """Run the command; its exit status, or 127 where it cannot be started."""
    grace_s, command = float(arguments[0]), arguments[1:]
    try:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)
        return 127
    threading.Thread(target=_end_when_alone, args=(child, grace_s), daemon=True).start()
    status = child.wait()
    _signal(child, signal.SIGKILL)  # workers that outlived it
    return status


def _end_when_alone(child: subprocess.Popen[bytes], grace_s: float) -> None:
    with contextlib.suppress(OSError):
        while os.read(sys.stdin.fileno(), 4096):
            pass
    _signal(child, signal.SIGTERM)
    try:
        child.wait(timeout=grace_s)
    except subprocess.TimeoutExpired:
        _signal(child, signal.SIGKILL)


def _signal(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
