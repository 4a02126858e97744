"""Run a command while holding one accelerator: `python -m toolft_pipeline.automation.device_lease DIR -- COMMAND`.

Invariant: a device has at most one holder on this machine. The lease is a lock on an open file that the command
inherits across exec, so the kernel gives it back when the command ends, however it ends. On a machine without a GPU
there is one slot, called `cpu`: two trainings side by side would only slow each other down.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

POLL_S = 1.0


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


def lease(folder: Path) -> str:
    """Wait for a free device and hold it until this process, and what it becomes by exec, ends."""
    folder.mkdir(parents=True, exist_ok=True)
    while True:
        for device in devices():
            lock = os.open(folder / f"{device}.lock", os.O_CREAT | os.O_RDWR, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
                continue
            os.set_inheritable(lock, True)
            return device
        time.sleep(POLL_S)


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
