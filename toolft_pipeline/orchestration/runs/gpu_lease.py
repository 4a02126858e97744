"""Run a command while holding one accelerator: `python -m toolft_pipeline.orchestration.runs.gpu_lease DIR -- COMMAND`.

Invariant: a device has at most one holder on this machine. The lease is a lock on an open file that the command
inherits across exec, so the kernel gives it back when the command ends, however it ends. On a machine without a GPU
there is one slot, called `cpu`: two trainings side by side would only slow each other down.
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
ROUNDS_A_LINE = 300
"""Rounds of waiting between two lines that say for whom."""
HOLDER_VARIABLE = "TOOLFT_LEASE_HOLDER"
"""What the holder of a lease calls itself."""


def devices() -> list[str]:
    """Ids of the machine's accelerators: TOOLFT_DEVICES, else CUDA_VISIBLE_DEVICES, else what nvidia-smi lists."""
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
    """Who holds a device: what the holder calls itself, its process, and since when (local time)."""

    device: str
    holder: str
    pid: int
    since: str

    @property
    def text(self) -> str:
        """For people."""
        return f"{self.device} is held by {self.holder} (pid {self.pid}) since {self.since}"


def lease(folder: Path) -> str:
    """Wait for a free device and hold it until this process, and what it becomes by exec, ends."""
    folder.mkdir(parents=True, exist_ok=True)
    rounds = 0
    while True:
        for device in devices():
            lock = os.open(folder / f"{device}.lock", os.O_CREAT | os.O_RDWR, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
                continue
            os.set_inheritable(lock, True)
            _sign(lock)
            return device
        if rounds % ROUNDS_A_LINE == 0:
            for held in leases(folder):
                print(f"waits for an accelerator: {held.text}", file=sys.stderr, flush=True)
        rounds += 1
        time.sleep(POLL_S)


def leases(folder: Path) -> list[Lease]:
    """What the holders of devices wrote last; a device without a living holder is not listed."""
    found = []
    for path in sorted(folder.glob("*.lock")):
        with path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                try:
                    said = json.loads(file.read())
                    found.append(Lease(device=path.stem, holder=said["holder"], pid=said["pid"], since=said["since"]))
                except (ValueError, KeyError):  # between the lock and its signature
                    continue
    return found


def _sign(lock: int) -> None:
    since = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M:%S")
    holder = os.environ.get(HOLDER_VARIABLE, "a command")
    os.ftruncate(lock, 0)
    os.write(lock, json.dumps({"holder": holder, "pid": os.getpid(), "since": since}).encode())


def main() -> None:
    """Lease a device, show it alone to the command, become the command."""
    folder, separator, *command = sys.argv[1:]
    if separator != "--" or not command:
        sys.exit("usage: device_lease FOLDER -- COMMAND ...")
    device = lease(Path(folder))
    os.environ["CUDA_VISIBLE_DEVICES"] = "" if device == "cpu" else device
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
