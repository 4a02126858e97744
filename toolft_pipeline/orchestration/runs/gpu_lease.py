"""Run a command while holding accelerators:

    python -m toolft_pipeline.orchestration.runs.gpu_lease DIR [COUNT] -- COMMAND

COUNT is 1 by default; `all` are all of this machine's.

Invariant: a device has at most one holder on this machine. Several devices are taken together or not at all, so that
two commands cannot each hold what the other waits for. The lease is a lock on an open file that the command inherits
across exec, so the kernel releases it when the command ends, however it ends. A machine without a GPU has
one slot, called `cpu`: two trainings side by side would only slow each other down.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

POLL_S = 1.0
POLLS_PER_LINE = 300
"""Polls between two log lines that name the holders."""
HOLDER_VARIABLE = "TOOLFT_LEASE_HOLDER"
"""Environment variable with the name of the lease's holder, for messages."""


def devices() -> list[str]:
    """Ids of the machine's accelerators, from TOOLFT_DEVICES, CUDA_VISIBLE_DEVICES or nvidia-smi, in this order."""
    for variable in ("TOOLFT_DEVICES", "CUDA_VISIBLE_DEVICES"):
        if named := os.environ.get(variable):
            return named.split(",")
    try:
        listing = subprocess.run(
            ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return ["cpu"]
    return listing.stdout.split() or ["cpu"]


@dataclass(frozen=True, kw_only=True)
class Lease:
    """The holder of a device: its name, its process id, and when the lease began (local time)."""

    device: str
    holder: str
    pid: int
    since: str

    @property
    def text(self) -> str:
        """The lease in one line."""
        return f"{self.device} is held by {self.holder} (pid {self.pid}) since {self.since}"


def lease(folder: Path, count: str = "1") -> list[str]:
    """Wait for so many free devices and hold them until this process ends, also after an exec.

    A machine with fewer gives all that it has: what needs more says so itself.
    """
    folder.mkdir(parents=True, exist_ok=True)
    polls = 0
    while True:
        present = devices()
        if locks := _locked(folder, present, count=len(present) if count == "all" else min(int(count), len(present))):
            for lock in locks.values():
                os.set_inheritable(lock, True)
                _write_record(lock)
            return [*locks]
        if polls % POLLS_PER_LINE == 0:
            for lease_ in leases(folder):
                print(f"waiting for an accelerator: {lease_.text}", file=sys.stderr, flush=True)
        polls += 1
        time.sleep(POLL_S)


def _locked(folder: Path, present: list[str], *, count: int) -> dict[str, int]:
    """The locks of `count` free devices; empty if fewer are free."""
    locks: dict[str, int] = {}
    for device in present:
        lock = os.open(folder / f"{device}.lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        locks[device] = lock
        if len(locks) == count:
            return locks
    for lock in locks.values():
        os.close(lock)
    return {}


def leases(folder: Path) -> list[Lease]:
    """The leases in force; a device without a running holder has none."""
    current = []
    for path in sorted(folder.glob("*.lock")):
        with path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                try:
                    record = json.loads(file.read())
                    current.append(
                        Lease(device=path.stem, holder=record["holder"], pid=record["pid"], since=record["since"])
                    )
                except (ValueError, KeyError):  # locked, and its record is not written yet
                    continue
    return current


def _write_record(lock: int) -> None:
    since = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M:%S")
    holder = os.environ.get(HOLDER_VARIABLE, "a command")
    os.ftruncate(lock, 0)
    os.write(lock, json.dumps({"holder": holder, "pid": os.getpid(), "since": since}).encode())


def main() -> None:
    """Lease devices, make them the only visible ones, and become the command."""
    before, separator, command = _split(sys.argv[1:])
    if not separator or not command or len(before) not in {1, 2}:
        sys.exit("usage: gpu_lease FOLDER [COUNT | all] -- COMMAND ...")
    held = lease(Path(before[0]), *before[1:])
    os.environ["CUDA_VISIBLE_DEVICES"] = "" if held == ["cpu"] else ",".join(held)
    os.execvp(command[0], command)


def _split(arguments: list[str]) -> tuple[list[str], bool, list[str]]:
    """What is before `--`, whether it is there, and what is after it."""
    if "--" not in arguments:
        return arguments, False, []
    at = arguments.index("--")
    return arguments[:at], True, arguments[at + 1 :]


if __name__ == "__main__":
    main()
