"""Which process a run belongs to, and whether that process still runs.

Invariant: a process is named by its host, the boot of that host, its pid and its start time, so neither a reboot nor a
reused pid makes a dead process look alive. A process of another host is never judged here.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_PROC = Path("/proc")


@dataclass(frozen=True, kw_only=True)
class ProcessIdentity:
    """One process of one boot of one host. `started` is only ever compared for equality."""

    host: str
    boot: str
    pid: int
    started: str

    @property
    def text(self) -> str:
        """As a run's tag holds it."""
        return json.dumps(asdict(self), sort_keys=True)


def parse_identity(text: str) -> ProcessIdentity | None:
    """The identity that a tag holds; None for a text that is not one."""
    try:
        found = json.loads(text)
        return ProcessIdentity(
            host=str(found["host"]), boot=str(found["boot"]), pid=int(found["pid"]), started=str(found["started"])
        )
    except (ValueError, KeyError, TypeError):
        return None


def this_process() -> ProcessIdentity:
    """Identity of the calling process."""
    pid = os.getpid()
    return ProcessIdentity(host=socket.gethostname(), boot=boot_id(), pid=pid, started=started(pid) or "")


def is_alive(process: ProcessIdentity) -> bool | None:
    """Whether a process still runs; None for a process of another host, which nothing here can tell."""
    if process.host != socket.gethostname():
        return None
    return process.boot == boot_id() and started(process.pid) == process.started


def boot_id() -> str:
    """Another value after each boot of this machine."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return _output("sysctl", "-n", "kern.bootsessionuuid")


def started(pid: int) -> str | None:
    """When a process of this boot started, in units of the platform; None where no such process runs.

    On Linux these are clock ticks since boot, which no change of the clock moves. A zombie counts as ended.
    """
    if _PROC.joinpath("self", "stat").exists():
        try:
            stat = _PROC.joinpath(str(pid), "stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None
        fields = stat.rpartition(")")[2].split()  # the name before it may hold spaces and parentheses
        return None if fields[0] in {"Z", "X"} else fields[19]
    state, _, since = _output("ps", "-o", "state=,lstart=", "-p", str(pid)).partition(" ")
    return None if not state or state.startswith("Z") else since.strip()


def age_s(pid: int) -> float | None:
    """Seconds since a process of this machine started, on Linux; None where that cannot be told."""
    ticks = started(pid)
    try:
        up = float(_PROC.joinpath("uptime").read_text(encoding="ascii").split()[0])
    except OSError:
        return None
    return None if ticks is None else up - int(ticks) / os.sysconf("SC_CLK_TCK")


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
