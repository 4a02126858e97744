"""The compute type and the number of processes of a training attempt, kept beside its checkpoints.

Invariant: all attempts of one checkpoints folder compute in one type and in so many processes. A run that is killed in
bf16 and resumed in float32 would produce an adapter that neither type produces alone; a checkpoint of two processes has
two random states, and its steps counted the rows of two.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from toolft_pipeline.compute_type import ComputeChoice, ComputeType, Wanted, choose_compute_type

ATTEMPT_FILE = "attempt.json"


def compute_type_of_attempt(checkpoints: Path, *, wanted: Wanted) -> ComputeChoice:
    """The type of the earlier attempt, unless there is none or the settings name another; else a new choice."""
    earlier = _recorded(checkpoints)
    if earlier is not None and wanted in {"auto", earlier.compute}:
        return ComputeChoice(type=earlier.compute, reason="the attempt that is resumed does too")
    return choose_compute_type(wanted)


def begin_attempt(checkpoints: Path, compute: ComputeType, *, processes: int = 1) -> str | None:
    """Create the folder and record the type and the processes; remove checkpoints of others.

    Returns a line for the log if checkpoints of another number of processes were removed.
    """
    earlier, attempt, line = _recorded(checkpoints), _Attempt(compute=compute, processes=processes), None
    if earlier is not None and earlier.processes != processes and any(checkpoints.glob("checkpoint-*")):
        line = (
            f"the checkpoints in {checkpoints} are of {earlier.processes} processes, this attempt has {processes}: "
            "they are removed, training starts afresh"
        )
    if checkpoints.is_dir() and earlier != attempt:
        shutil.rmtree(checkpoints)
    checkpoints.mkdir(parents=True, exist_ok=True)
    staged = checkpoints / f"{ATTEMPT_FILE}.part"
    record = {"compute_type": compute} | ({"processes": processes} if processes > 1 else {})
    staged.write_text(json.dumps(record), encoding="utf-8")
    staged.rename(checkpoints / ATTEMPT_FILE)
    return line


@dataclass(frozen=True, kw_only=True)
class _Attempt:
    compute: ComputeType
    processes: int


def _recorded(checkpoints: Path) -> _Attempt | None:
    try:
        recorded = json.loads((checkpoints / ATTEMPT_FILE).read_text(encoding="utf-8"))
        return _Attempt(compute=ComputeType(recorded["compute_type"]), processes=recorded.get("processes", 1))
    except (OSError, ValueError, KeyError, TypeError):
        return None
