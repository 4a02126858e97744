"""SIGTERM and Ctrl-C during training: the step in progress ends and is saved, then the signal takes effect.

Invariant: what a signal means stays the caller's choice. The handler that was there before training gets the signal
once the step's checkpoint is sealed (under Dagster it raises the step's interruption), or at once if a second signal
comes. Not transformers' `enable_jit_checkpoint`: it saves without calling `on_save`, so its checkpoint has no seal and
the next attempt would remove it.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

from toolft_pipeline.training.runtime.ranks import any_process

if TYPE_CHECKING:
    from transformers import TrainerCallback, TrainerControl, TrainerState

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StopRequest:
    """The signal that asked training to stop; None while there is none."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Record the first SIGTERM or SIGINT of the block, and give it to the earlier handler when the block ends.

    Raises what that handler raises, and `KeyboardInterrupt` where it raises nothing: the block's work is not complete.
    In another thread than the main one nothing changes, as Python handles signals there alone. A signal that was
    ignored stays ignored.
    """
    request, earlier = StopRequest(), dict[signal.Signals, Any]()

    def restore() -> None:
        for number, handler in earlier.items():
            signal.signal(number, handler)

    def handle(number: int, frame: FrameType | None) -> None:
        if request.signal is None:
            request.signal = signal.Signals(number)
            return
        restore()
        _give(earlier[signal.Signals(number)], number, frame)

    try:
        for number in _SIGNALS if threading.current_thread() is threading.main_thread() else ():
            if (handler := signal.getsignal(number)) not in {signal.SIG_IGN, None}:
                earlier[number] = handler
                signal.signal(number, handle)
        yield request
    finally:
        restore()
    if request.signal is not None:
        _give(earlier[request.signal], request.signal, None)
        raise KeyboardInterrupt(f"{request.signal.name} stopped training")


def _give(handler: Callable[[int, FrameType | None], Any] | int, number: int, frame: FrameType | None) -> None:
    """Call a handler; where there is none, take the default action, which ends the process."""
    if callable(handler):
        handler(number, frame)
    else:
        signal.raise_signal(number)


def make_stop_callback(request: StopRequest) -> TrainerCallback:
    """The callback that saves a step and ends training after it, once a signal came to any process of the run: all of
    them end after the same step. Add it after those that seal."""
    from transformers import TrainerCallback

    class _Stop(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, _args: Any, _state: TrainerState, control: TrainerControl, **_: Any) -> None:
            if any_process(request.signal is not None):
                control.should_save = control.should_training_stop = True

        def on_evaluate(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:
            self.on_step_end(args, state, control)  # the validation comes between a step's end and its saving

        def on_save(self, _args: Any, _state: TrainerState, control: TrainerControl, **_: Any) -> None:
            if any_process(request.signal is not None):
                control.should_training_stop = True

    return _Stop()
