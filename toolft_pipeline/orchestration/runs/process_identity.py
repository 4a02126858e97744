"""Identify the process of a run, and check whether it is still running.

Invariant: a process is identified by its host, the host's boot id, its pid and its start time, so neither a reboot nor
a reused pid makes a dead process look alive. A process on another host is unknown.
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
        """The identity as JSON, for a run's tag."""
        return json.dumps(asdict(self), sort_keys=True)


def parse_identity(text: str) -> ProcessIdentity | None:
    """Parse a tag's value; None if it is not an identity."""
    try:
        fields = json.loads(text)
        return ProcessIdentity(
            host=str(fields["host"]), boot=str(fields["boot"]), pid=int(fields["pid"]), started=str(fields["started"])
        )
    except (ValueError, KeyError, TypeError):
        return None


def this_process() -> ProcessIdentity:
    """Identity of the calling process."""
    pid = os.getpid()
    return ProcessIdentity(host=socket.gethostname(), boot=boot_id(), pid=pid, started=started(pid) or "")


def is_alive(process: ProcessIdentity) -> bool | None:
    """Whether a process is still running; None for a process on another host."""
    if process.host != socket.gethostname():
        return None
    return process.boot == boot_id() and started(process.pid) == process.started


def boot_id() -> str:
    """An id that changes with each boot of this machine."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return _output("sysctl", "-n", "kern.bootsessionuuid")


def started(pid: int) -> str | None:
    """The start time of a running process of this boot, in the platform's unit; None if there is none.

    On Linux: clock ticks since boot, which do not depend on the clock's setting. A zombie counts as ended.
    """
    if _PROC.joinpath("self", "stat").exists():
        try:
            stat = _PROC.joinpath(str(pid), "stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None
        fields = stat.rpartition(")")[2].split()  # the process name may contain spaces and parentheses
        return None if fields[0] in {"Z", "X"} else fields[19]
    state, _, since = _output("ps", "-o", "state=,lstart=", "-p", str(pid)).partition(" ")
    return None if not state or state.startswith("Z") else since.strip()


def age_s(pid: int) -> float | None:
    """Seconds since a process started; None if it has ended or the platform is not Linux."""
    ticks = started(pid)
    try:
        up = float(_PROC.joinpath("uptime").read_text(encoding="ascii").split()[0])
    except OSError:
        return None
    return None if ticks is None else up - int(ticks) / os.sysconf("SC_CLK_TCK")


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
