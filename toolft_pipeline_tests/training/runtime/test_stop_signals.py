"""SIGTERM and Ctrl-C: training saves the step in progress, then the signal means what it meant before."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest

from toolft_pipeline.training.runtime.stop_signals import stop_on_signals
from toolft_pipeline.training.sft.callbacks import ProgressReporter
from toolft_pipeline.training.sft.checkpoints import newest_checkpoint
from toolft_pipeline.training.train_adapter import AdapterNames, train_adapter
from toolft_pipeline_tests.conftest import HANG_S, REPOSITORY
from toolft_pipeline_tests.training.conftest import Trained
from toolft_pipeline_tests.training.test_train_adapter import adapter_bytes


class InterruptedStepError(BaseException):
    """What the earlier handler raises, as Dagster's does."""


@pytest.fixture(params=[signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def raising(request: pytest.FixtureRequest) -> Iterator[signal.Signals]:
    """A signal whose handler raises `InterruptedStepError`."""

    def handler(_number: int, _frame: FrameType | None) -> None:
        raise InterruptedStepError

    before = signal.signal(request.param, handler)
    yield request.param
    assert signal.signal(request.param, before) is handler, "the handler is restored"


def train(trained: Trained, place: Path) -> list[str]:
    """Train the fixture's run once more, or go on with it; returns the lines that it logged."""
    out, said = place / "out", list[str]()
    out.mkdir(parents=True, exist_ok=True)
    try:
        train_adapter(
            base=trained.base,
            names=AdapterNames(base=trained.base.name, chat_format="gemma3"),
            selection=trained.inputs.selection,
            tensors=trained.inputs.tensors,
            training=trained.settings.training,
            checkpoints=place / "checkpoints",
            out=out,
            progress=said.append,
        )
    except InterruptedStepError:
        said.append("interrupted")
    return said


def signal_at(
    monkeypatch: pytest.MonkeyPatch, number: signal.Signals, *, step: int, times: int = 1, activity: str = ""
) -> None:
    """Send a signal in the step after `step`, or where that step is validated."""
    left, tick = [number] * times, ProgressReporter.tick

    def sends(self: ProgressReporter, state, **what) -> None:  # type: ignore[no-untyped-def]
        inside = what.get("activity") == activity if activity else what.get("fraction") is not None
        while left and inside and state.global_step == step:
            os.kill(os.getpid(), left.pop())
        tick(self, state, **what)

    monkeypatch.setattr(ProgressReporter, "tick", sends)


def test_signal_in_a_step_saves_it_and_the_retry_ends_in_the_same_bytes(
    raising: signal.Signals, trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = {"step": 2} if raising is signal.SIGTERM else {"step": 4, "activity": "validating"}
    saved = {signal.SIGTERM: 3, signal.SIGINT: 4}[raising]
    signal_at(monkeypatch, raising, **where)
    said = train(trained, tmp_path)
    assert said[-2:] == [
        f"{raising.name}: stopped after step {saved}; it is saved, the next attempt goes on there",
        "interrupted",
    ]
    newest = newest_checkpoint(tmp_path / "checkpoints")
    assert newest is not None
    assert newest.name == f"checkpoint-{saved}"
    assert f"resuming after step {saved}" in train(trained, tmp_path)
    assert adapter_bytes(tmp_path / "out") == adapter_bytes(trained.out)
    assert (tmp_path / "out" / "training.json").read_bytes() == (trained.out / "training.json").read_bytes()


@pytest.mark.parametrize("raising", [signal.SIGTERM], indirect=True)
def test_second_signal_ends_training_at_once(
    raising: signal.Signals, trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signal_at(monkeypatch, raising, step=2, times=2)
    assert train(trained, tmp_path)[-1] == "interrupted"
    assert [path.name for path in (tmp_path / "checkpoints").glob("checkpoint-*")] == ["checkpoint-2"]


def test_signal_that_nobody_handles_ends_the_process_after_the_block() -> None:
    code = """
import os, signal
from toolft_pipeline.training.runtime.stop_signals import stop_on_signals
with stop_on_signals() as request:
    os.kill(os.getpid(), signal.SIGTERM)
    print(request.signal.name, flush=True)
print("went on")
"""
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    ended = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False, timeout=HANG_S
    )
    assert (ended.returncode, ended.stdout) == (-signal.SIGTERM, "SIGTERM\n"), ended.stderr


def test_handler_that_raises_nothing_still_ends_the_training() -> None:
    seen = list[int]()
    before = signal.signal(signal.SIGTERM, lambda number, _frame: seen.append(number))
    try:
        with pytest.raises(KeyboardInterrupt, match="SIGTERM stopped training"), stop_on_signals():
            os.kill(os.getpid(), signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert seen == [signal.SIGTERM]


def test_ignored_signal_stays_ignored_and_other_threads_change_nothing() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with stop_on_signals() as request:
            os.kill(os.getpid(), signal.SIGINT)
        assert request.signal is None
    finally:
        signal.signal(signal.SIGINT, before)
    found = list[object]()

    def elsewhere() -> None:
        with stop_on_signals():
            found.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert found == [signal.getsignal(signal.SIGTERM)]
