"""Ctrl-C and SIGTERM on `toolft run`: the first stops it in order, the second at once.

Invariant: a command that is stopped ends with 128 + the signal's number and says one line, and its run ends as
canceled. Dagster replaces the handlers of both signals while it executes, so signals are seen through the wakeup
pipe, which works whichever handler is installed. A terminal sends Ctrl-C to every process of its group: the main
thread blocks it, which children inherit, so that no helper process dies of it with a traceback of its own.
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
"""After so long without an end a person is told that it is being stopped, and how to stop it at once."""


class Interruption:
    """Which signal came, if any, and what was going on. `when_forced` runs before a second signal ends the process."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        self.doing = ""
        self.when_forced: Callable[[], None] = lambda: None

    @property
    def status(self) -> int:
        """Exit status of a command that this stopped."""
        return 128 + (self.signal or signal.SIGINT)

    @property
    def text(self) -> str:
        """What was stopped, by which signal."""
        return f"{_NAMES[self.signal or signal.SIGINT]} stopped {self.doing or 'the command'}"


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """Watch for both signals in the length of a `with` block, from the main thread."""
    found = Interruption()
    if threading.current_thread() is not threading.main_thread():  # no signal reaches another thread
        yield found
        return
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    wakeup = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    handlers = {each: signal.getsignal(each) for each in _SIGNALS}
    if handlers[signal.SIGTERM] == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _interrupt)
    poked = signal.signal(_POKE, lambda _signal, _frame: None)
    main = threading.main_thread().ident or 0
    threading.Thread(target=_watch, args=(reader, found, main), daemon=True).start()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield found
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(_POKE, poked)
        signal.set_wakeup_fd(wakeup)
        for each, handler in handlers.items():
            signal.signal(each, handler)
        os.close(writer)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _watch(pipe: int, found: Interruption, main: int) -> None:
    """Note the first signal; end the process on the second. Ends when the pipe's other end is closed."""
    told = False
    while True:
        impatient = found.signal is not None and not told
        readable, _, _ = select.select([pipe], [], [], PATIENCE_S if impatient else None)
        if not readable:
            say(f"toolft: stopping {found.doing or 'the command'}; once more stops it at once", to=sys.stderr)
            told = True
            continue
        received = os.read(pipe, 64)
        if not received:
            os.close(pipe)
            return
        for number in received:
            if number not in _SIGNALS:
                continue
            if found.signal is not None:
                _force(found)
            found.signal = signal.Signals(number)
            signal.pthread_kill(main, _POKE)


def _force(found: Interruption) -> None:
    """End now: steps end with this process, and a run that could not be marked is marked by the next command."""
    marking = threading.Thread(target=found.when_forced, daemon=True)
    marking.start()
    marking.join(PATIENCE_S)
    say(f"toolft: {found.text} at once; the same command goes on from there", to=sys.stderr)
    os._exit(found.status)
