"""The run log of a server: it takes turns and feedback from the event loop and writes them on a thread of its own.

Invariant: `observe` neither waits nor raises, and no error of the disk reaches a request. What cannot be written is
counted, and tried again.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future

from msgspec import structs

from toolft_pipeline.serving.notice import Figure
from toolft_pipeline.serving.run_log.feedback import Feedback, FeedbackResult
from toolft_pipeline.serving.run_log.open_runs import OpenRuns, RunLogCounts, RunLogPlace
from toolft_pipeline.serving.run_log.run_log_figures import run_log_figures
from toolft_pipeline.serving.served_turn import ServedTurn
from toolft_pipeline.settings import AgentSettings

QUEUE_TURNS = 10_000
"""Turns that wait for the thread; one more is dropped and counted."""

SWEEP_S = 1.0
"""Seconds between two looks for conversations that are complete."""

_LOG = logging.getLogger(__name__)


class _Sweep:
    """Asks the thread to write what is complete now; with `everything` to complete all conversations."""

    def __init__(self, *, everything: bool = False, last: bool = False) -> None:
        self.everything, self.last = everything, last
        self.done: Future[None] = Future()


class _Give:
    def __init__(self, feedback: Feedback) -> None:
        self.feedback = feedback
        self.result: Future[FeedbackResult] = Future()


class RunLog:
    """A `TurnObserver` that writes day logs. `start` takes over what ended processes left; `close` writes everything.

    Raises `OSError` where the folder cannot be written when it starts.
    """

    def __init__(self, place: RunLogPlace, *, now: Callable[[], float] = time.time) -> None:
        self._place, self._now = place, now
        self._counts = RunLogCounts()
        self._queue: queue.Queue[ServedTurn | _Give | _Sweep] = queue.Queue(QUEUE_TURNS)
        self._thread = threading.Thread(target=self._work, name="run-log", daemon=True)
        self._runs: OpenRuns | None = None

    def start(self) -> None:
        """Open the spool and start the thread. Raises `OSError`."""
        self._runs = OpenRuns(self._place, counts=self._counts, now=self._now)
        self._thread.start()

    def observe(self, turn: ServedTurn) -> None:
        """Take note of a turn."""
        try:
            self._queue.put_nowait(turn)
        except queue.Full:
            self._counts.dropped_turns += 1

    def give(self, feedback: Feedback) -> Future[FeedbackResult]:
        """Store feedback; the future raises `OSError` or `LogError` if it cannot be stored, `queue.Full` if too much
        waits."""
        item = _Give(feedback)
        try:
            self._queue.put_nowait(item)
        except queue.Full as error:
            item.result.set_exception(error)
        return item.result

    def flush(self, *, everything: bool = False, timeout: float | None = None) -> None:
        """Wait until every turn so far was handled, and what is complete is written. Raises `OSError`."""
        item = _Sweep(everything=everything)
        self._queue.put(item)
        item.done.result(timeout)

    def close(self, *, timeout: float | None = None) -> None:
        """Complete all conversations, write them, and end the thread; the second time does nothing."""
        if self._thread.is_alive():
            self._queue.put(_Sweep(everything=True, last=True))
            self._thread.join(timeout)

    def counts(self) -> RunLogCounts:
        """What was done so far, for metrics and alerts."""
        return structs.replace(self._counts)

    def figures(self) -> Iterator[Figure]:
        """The counts for the metrics page."""
        yield from run_log_figures(self.counts())

    def _work(self) -> None:
        assert self._runs is not None, "the thread is started after the spool is open"
        runs, swept = self._runs, time.monotonic()
        while True:
            try:
                item: ServedTurn | _Give | _Sweep = self._queue.get(timeout=SWEEP_S)
            except queue.Empty:
                item = _Sweep()
            self._handle(runs, item)
            if isinstance(item, _Sweep):
                if item.last:
                    break
                swept = time.monotonic()
            elif time.monotonic() - swept >= SWEEP_S:  # a busy queue is never empty
                self._handle(runs, _Sweep())
                swept = time.monotonic()
        runs.close()

    def _handle(self, runs: OpenRuns, item: ServedTurn | _Give | _Sweep) -> None:
        """Handle an item; an error is counted, and goes to whoever waits for the item."""
        try:
            if isinstance(item, _Give):
                item.result.set_result(runs.give(item.feedback))
            elif isinstance(item, _Sweep):
                runs.sweep(everything=item.everything)
                item.done.set_result(None)
            else:
                runs.add(item)
        except Exception as error:  # a bug in here must not end the thread either
            self._counts.failures += 1
            self._counts.failing = True
            _LOG.error("the run log cannot write to %s: %s", self._place.folder, error)
            waiting = item.result if isinstance(item, _Give) else item.done if isinstance(item, _Sweep) else None
            if waiting is not None:
                waiting.set_exception(error)


def run_log(settings: AgentSettings, *, key: bytes) -> RunLog | None:
    """The run log of an agent's server; None where `serving.runs.enabled` is off. `key` is that of surrogates."""
    runs = settings.serving.runs
    if not runs.enabled:
        return None
    return RunLog(
        RunLogPlace(
            folder=settings.path(runs.folder or settings.logs.folder),
            agent=settings.name,
            time_zone=settings.schedule.time_zone,
            idle_s=runs.idle_s,
            key=key,
        )
    )
