"""Run a command while holding one accelerator: `python -m toolft_pipeline.orchestration.runs.gpu_lease DIR -- COMMAND`.

Invariant: a device has at most one holder on this machine. The lease is a lock on an open file that the command
inherits across exec, so the kernel releases it when the command ends, however it ends. A machine without a GPU has
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


def lease(folder: Path) -> str:
    """Wait for a free device and hold it until this process ends, also after an exec."""
    folder.mkdir(parents=True, exist_ok=True)
    polls = 0
    while True:
        for device in devices():
            lock = os.open(folder / f"{device}.lock", os.O_CREAT | os.O_RDWR, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
                continue
            os.set_inheritable(lock, True)
            _write_record(lock)
            return device
        if polls % POLLS_PER_LINE == 0:
            for lease_ in leases(folder):
                print(f"waiting for an accelerator: {lease_.text}", file=sys.stderr, flush=True)
        polls += 1
        time.sleep(POLL_S)


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
    """Lease a device, make it the only visible one, and become the command."""
    folder, separator, *command = sys.argv[1:]
    if separator != "--" or not command:
        sys.exit("usage: gpu_lease FOLDER -- COMMAND ...")
    device = lease(Path(folder))
    os.environ["CUDA_VISIBLE_DEVICES"] = "" if device == "cpu" else device
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
