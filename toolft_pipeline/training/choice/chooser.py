"""Measures each evaluated checkpoint by the setting, and says when to stop.

Invariant: a result is measured once for each step and kept beside the checkpoints, so a resumed run repeats no
measurement. A result is only ever read together with the sealed adapter that it was measured on.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from toolft_pipeline.errors import FixableError
from toolft_pipeline.settings import Method
from toolft_pipeline.training.choice import exact_match
from toolft_pipeline.training.choice.best_step import EXACT_MATCH, ChooseBy, best_step, stop_step
from toolft_pipeline.training.choice.exact_match import Request, Result
from toolft_pipeline.training.choice.held_out_steps import HeldOutStep
from toolft_pipeline.training.runtime.ranks import environment_of_one


class ChoiceError(FixableError, RuntimeError):
    """A checkpoint could not be measured; one line with the cause and the fix."""


@dataclass(frozen=True, kw_only=True)
class Chooser:
    """How checkpoints of one run are compared. Without `steps` only the validation loss is measured."""

    choose_by: ChooseBy
    early_stop: int | None
    base: Path
    method: Method
    chat_format: str
    compute: str
    steps: tuple[HeldOutStep, ...] = ()

    def figures(self, *, step: int, adapter: Path) -> dict[str, float]:
        """What is measured of the adapter of a step, beside its validation loss. Raises `ChoiceError`."""
        if not self.steps:
            return {}
        path = adapter.parent / f"exact-match-{step}.json"
        result = _read(path)
        if result is None:
            result = self._measure(adapter, path)
        return {EXACT_MATCH: result.share}

    def is_best(self, history: list[dict[str, Any]], step: int) -> bool:
        """Whether the step is the best so far."""
        return best_step(history, choose_by=self.choose_by) == step

    def stops(self, history: list[dict[str, Any]]) -> bool:
        """Whether the last evaluations were not better, as often as `training.early_stop` allows."""
        return stop_step(history, choose_by=self.choose_by, patience=self.early_stop) is not None

    def _measure(self, adapter: Path, result: Path) -> Result:
        request = Request(
            base=str(self.base),
            adapter=str(adapter),
            method=self.method,
            chat_format=self.chat_format,
            compute=self.compute,
            steps=list(self.steps),
            result=str(result),
        )
        path = result.with_suffix(".request.json")
        path.write_bytes(msgspec.json.encode(request))
        command = [sys.executable, "-m", exact_match.__name__, str(path)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False, env=environment_of_one())
        measured = _read(result)
        if measured is None:
            last = (ended.stderr.strip().splitlines() or ["no message"])[-1][:300]
            raise ChoiceError(
                f"training.choose_by: the process that generates steps ended with {ended.returncode} ({last}); "
                "if memory is short, set training.choose_by: validation_loss"
            )
        return measured


def _read(path: Path) -> Result | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Result)
    except (OSError, msgspec.DecodeError):
        return None
