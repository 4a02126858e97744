"""One fault in one training attempt, at a given place, from inside the step's process; no later attempt is disturbed.

TOOLFT_FAULT names the file of a `Fault`. `.struck` beside it is made when the fault strikes, and `.log` gets a line for
each attempt that begins or resumes, each step that ends and each checkpoint that is sealed.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

SIGNALS = {"SIGKILL": signal.SIGKILL, "SIGTERM": signal.SIGTERM, "SIGINT": signal.SIGINT}
KINDS = (*SIGNALS, "out_of_memory", "disk_full")
PLACES = ("in_step", "after_step", "validating", "half_written", "before_seal", "in_seal", "sealed")
"""In the order of a step: computing, before its checkpoint, in its validation, and along its checkpoint's files."""

FILLER = "filler"
MEGABYTE = 2**20


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What strikes, at the first such place from `step` on. `spare` is what is left free: bytes of disk."""

    kind: str
    place: str
    step: int
    spare: int = 0
    disk: str = ""
    """Folder in which the disk is filled."""
    cgroup: str = ""
    """Folder of a memory cgroup (v1) that the kernel kills in; empty for an address space limit, which raises."""

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")


class Striker:
    """Strikes once over all attempts, and logs what training does."""

    def __init__(self, path: Path) -> None:
        self.fault = Fault(**json.loads(path.read_text(encoding="utf-8")))
        self._struck, self._log = path.with_suffix(".struck"), path.with_suffix(".log")
        if self._struck.exists() and self.fault.disk:  # somebody has freed the disk by the time of the retry
            (Path(self.fault.disk) / FILLER).unlink(missing_ok=True)
        self.request: Any = None
        self._steps = 0

    def log(self, what: str, step: int) -> None:
        with self._log.open("a", encoding="utf-8") as log:
            log.write(f"{os.getpid()} {what} {step}\n")

    def due(self, place: str, step: int) -> bool:
        return place == self.fault.place and step >= self.fault.step and not self._struck.exists()

    def at(self, place: str, step: int) -> None:
        if self.due(place, step):
            self._struck.touch()
            self._strike()

    def _strike(self) -> None:
        if self.fault.kind in SIGNALS:
            os.kill(os.getpid(), SIGNALS[self.fault.kind])
        elif self.fault.kind == "hold":
            while self.request.signal is None:
                time.sleep(0.05)
        elif self.fault.kind == "disk_full":
            disk = Path(self.fault.disk)
            free = os.statvfs(disk)
            with (disk / FILLER).open("wb") as filler:
                os.posix_fallocate(filler.fileno(), 0, max(1, free.f_bavail * free.f_frsize - self.fault.spare))
        elif self.fault.cgroup:
            (Path(self.fault.cgroup) / "cgroup.procs").write_text(str(os.getpid()))
            ballast = []
            while True:
                ballast.append(b"x" * MEGABYTE)
        else:
            import torch

            pages = int(Path("/proc/self/statm").read_text().split()[0])
            limit = pages * resource.getpagesize() + MEGABYTE
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
            torch.ones(64 * MEGABYTE)


def install() -> None:
    """Put the fault that TOOLFT_FAULT names into the training of this process."""
    from toolft_pipeline.training.runtime import stop_signals
    from toolft_pipeline.training.sft import callbacks, sft

    striker = Striker(Path(os.environ["TOOLFT_FAULT"]))
    make_callbacks, seal, rename, ask = sft.make_callbacks, callbacks.seal, Path.rename, stop_signals.StopRequest

    def with_fault(**what: Any) -> list[Any]:
        tear_the_optimizer(striker)
        return [*make_callbacks(**what), _callback(striker)]

    def seal_with_fault(checkpoint: Path) -> None:
        striker.at("before_seal", _step(checkpoint))
        seal(checkpoint)

    def rename_with_fault(path: Path, target: Any) -> Path:
        if path.name == "seal.json.part":
            striker.at("in_seal", _step(path.parent))
        return rename(path, target)

    def remembered() -> Any:
        striker.request = ask()
        return striker.request

    sft.make_callbacks = with_fault
    callbacks.seal = seal_with_fault
    Path.rename = rename_with_fault  # type: ignore[method-assign,assignment]
    stop_signals.StopRequest = remembered  # type: ignore[assignment,misc]


def tear_the_optimizer(striker: Striker) -> None:
    """SIGKILL leaves half of optimizer.pt; every other fault strikes before it is written."""
    import torch

    save: Callable[..., Any] = torch.save

    def save_with_fault(what: Any, path: Any, **options: Any) -> None:
        place = Path(str(path))
        if place.name == "optimizer.pt" and striker.due("half_written", _step(place.parent)):
            if striker.fault.kind == "SIGKILL":
                save(what, path, **options)
                os.truncate(place, place.stat().st_size // 2)
            striker.at("half_written", _step(place.parent))
        save(what, path, **options)

    torch.save = save_with_fault


def _callback(striker: Striker) -> Any:
    from transformers import TrainerCallback

    class _Fault(TrainerCallback):  # type: ignore[misc]
        def on_train_begin(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
            striker.log("begins", state.global_step)

        def on_step_begin(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
            striker.at("in_step", state.global_step)

        def on_step_end(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
            striker.log("ends", state.global_step)
            striker.at("after_step", state.global_step)

        def on_prediction_step(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
            striker.at("validating", state.global_step)

        def on_save(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
            striker.log("sealed", state.global_step)
            striker.at("sealed", state.global_step)

    return _Fault()


def _step(checkpoint: Path) -> int:
    """The step of a checkpoint's folder; -1 for another folder, where nothing strikes."""
    kind, _, step = checkpoint.name.partition("-")
    return int(step) if kind == "checkpoint" else -1
