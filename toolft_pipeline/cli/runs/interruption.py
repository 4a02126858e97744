"""Ctrl-C and SIGTERM on `toolft run`: the first stops it cleanly, the second at once.

Invariant: a command that is stopped exits with 128 + the signal's number and prints one line, and its run ends as
canceled. Dagster replaces the handlers of both signals while it executes, so signals are read from the wakeup pipe,
which works with any handler. A terminal sends Ctrl-C to its whole process group: the main thread blocks the signal,
which children inherit, so that no child process ends with a traceback of its own.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from toolft_pipeline.cli.runs.terminal import say

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_NAMES = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}
_POKE = signal.SIGURG
"""Wakes the main thread from a system call, so that it runs the handler of a signal that this thread received."""
PATIENCE_S = 2.0
"""Seconds after which a command that is still stopping says how to stop it at once."""


class Interruption:
    """The signal received, if any, and what it stopped. `when_forced` is called before a second signal exits."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        self.doing = ""
        self.when_forced: Callable[[], None] = lambda: None

    @property
    def status(self) -> int:
        """Exit status of the stopped command."""
        return 128 + (self.signal or signal.SIGINT)

    @property
    def text(self) -> str:
        """What was stopped by which signal."""
        return f"{_NAMES[self.signal or signal.SIGINT]} stopped {self.doing or 'the command'}"


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """Watch for both signals during a `with` block of the main thread."""
    interruption = Interruption()
    if threading.current_thread() is not threading.main_thread():  # signals reach the main thread only
        yield interruption
        return
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    wakeup = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    handlers = {each: signal.getsignal(each) for each in _SIGNALS}
    if handlers[signal.SIGTERM] == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _interrupt)
    poked = signal.signal(_POKE, lambda _signal, _frame: None)
    main = threading.main_thread().ident or 0
    threading.Thread(target=_watch, args=(reader, interruption, main), daemon=True).start()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield interruption
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(_POKE, poked)
        signal.set_wakeup_fd(wakeup)
        for each, handler in handlers.items():
            signal.signal(each, handler)
        os.close(writer)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _watch(pipe: int, interruption: Interruption, main: int) -> None:
    """Record the first signal; exit on the second. Returns when the pipe's other end is closed."""
    announced = False
    while True:
        impatient = interruption.signal is not None and not announced
        readable, _, _ = select.select([pipe], [], [], PATIENCE_S if impatient else None)
        if not readable:
            say(
                f"toolft: stopping {interruption.doing or 'the command'}; a second signal stops it at once",
                to=sys.stderr,
            )
            announced = True
            continue
        received = os.read(pipe, 64)
        if not received:
            os.close(pipe)
            return
        for number in received:
            if number not in _SIGNALS:
                continue
            if interruption.signal is not None:
                _force(interruption)
            interruption.signal = signal.Signals(number)
            signal.pthread_kill(main, _POKE)


def _force(interruption: Interruption) -> None:
    """Exit now: steps end with this process; the next command marks a run that could not be marked."""
    marking = threading.Thread(target=interruption.when_forced, daemon=True)
    marking.start()
    marking.join(PATIENCE_S)
    say(f"toolft: {interruption.text} at once; the same command continues from there", to=sys.stderr)
    os._exit(interruption.status)
