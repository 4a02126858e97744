"""The canary of a server: draws the arms, passes turns to the test, and keeps its state in the warehouse.

Invariant: a stop takes effect with the next request, before it is written, and is written before the test is closed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import msgspec

from toolft_pipeline.engines.engine import ContextLengthError, EngineBusyError, EngineError
from toolft_pipeline.serving.canary.assignment import goes_to_candidate
from toolft_pipeline.serving.canary.canary_report import canary_report
from toolft_pipeline.serving.canary.canary_state import CanaryFiles, CanaryState, Stop, conversation_key
from toolft_pipeline.serving.canary.candidate_test import CandidateTest, new_counts
from toolft_pipeline.serving.canary.turn_outcome import turn_outcome
from toolft_pipeline.serving.notice import CANARY_STOPPED, Figure, Notice, Notify, log_notice
from toolft_pipeline.serving.served_model import ServedModel
from toolft_pipeline.serving.served_turn import Arm, ServedTurn
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.warehouse.store import Warehouse

WRITE_EVERY_S = 1.0
"""Seconds between two writes of the state: what a killed server forgets of the test."""


class Canary:
    """The canary of one agent; a `TurnObserver`. Thread-safe. Only `open`, `is_stopped` and `close` wait for a disk."""

    def __init__(
        self,
        *,
        settings: AgentSettings,
        warehouse: Warehouse,
        notify: Notify = log_notice,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._agent = settings.name
        self._settings = settings.serving.canary
        self._idle_s = settings.serving.runs.idle_s
        self._judged_tokens = settings.evaluation.max_new_tokens
        self._files = CanaryFiles(warehouse, settings.name)
        self._notify = notify
        self._now = now
        self._lock = threading.Lock()
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="canary")
        self._test: CandidateTest | None = None
        self._stop: Stop | None = None
        self._stopped: set[str] = set()
        self._written_at = 0.0
        self._write_error: str | None = None
        self._last_report: dict[str, Any] | None = None

    def is_stopped(self, digest: str) -> bool:
        """Whether a candidate was stopped, by this server or an earlier one."""
        return digest in self._stopped or self._files.stop_of(digest) is not None

    def earlier_stop(self, digest: str) -> Stop | None:
        """The stop of a candidate, unless it was this server that stopped it."""
        return None if digest in self._stopped else self._files.stop_of(digest)

    def open(self, *, champion: ServedModel, candidate: str, candidate_day: str) -> None:
        """Begin the test of a candidate, or go on with it. Raises `CanaryError` if its state cannot be kept."""
        self.close()
        self._files.lock()
        try:
            state = self._files.read(candidate, champion.content_digest) or CanaryState(
                candidate=candidate,
                candidate_day=candidate_day,
                champion=champion.content_digest,
                champion_day=champion.day,
                opened_at=_utc(self._now()),
                arms=new_counts(),
            )
            self._files.write(state)
        except BaseException:
            self._files.unlock()
            raise
        with self._lock:
            self._test, self._stop = CandidateTest(state, settings=self._settings, idle_s=self._idle_s), None
            self._look()

    def is_open(self, digest: str) -> bool:
        """Whether this candidate may be given conversations."""
        test = self._test
        return test is not None and test.candidate == digest and self._stop is None

    def assign(self, conversation_id: str) -> Arm:
        """Draw the arm of a conversation that begins; the same id always gets the same."""
        with self._lock:
            test = self._test
            if test is None or self._stop is not None:
                return Arm.CHAMPION
            goes = goes_to_candidate(conversation_id, digest=test.candidate, share=self._settings.share)
            arm = Arm.CANDIDATE if goes else Arm.CHAMPION
            test.begin(conversation_key(conversation_id), arm, now=self._now())
            return arm

    def observe(self, turn: ServedTurn) -> None:
        """Count a turn, and stop the candidate if it is worse."""
        outcome = turn_outcome(turn, judged_tokens=self._judged_tokens)
        with self._lock:
            if self._test is not None:
                self._test.add_turn(conversation_key(turn.conversation_id), outcome, now=self._now())
                self._look()

    def engine_failed(self, conversation_id: str, error: EngineError) -> None:
        """Count a request that the model's engine could not answer; a full queue and a long prompt are no fault."""
        if isinstance(error, EngineBusyError | ContextLengthError):
            return
        with self._lock:
            if self._test is not None:
                self._test.add_engine_error(conversation_key(conversation_id), now=self._now())
                self._look()

    def feedback(self, conversation_id: str, *, negative: bool) -> None:
        """Count a person's judgement of a conversation; one that is complete by now is not counted again."""
        with self._lock:
            if self._test is not None:
                self._test.add_feedback(conversation_key(conversation_id), negative=negative)
                self._look()

    def report(self) -> dict[str, Any]:
        """Both arms as JSON; the last test's if none is open."""
        with self._lock:
            self._look()
            if self._test is not None:
                self._last_report = canary_report(self._test, settings=self._settings, stop=self._stop)
            return self._last_report or canary_report(None, settings=self._settings, stop=None)

    def figures(self) -> Iterator[Figure]:
        """Figures of the open test for the metrics page."""
        report = self.report()
        if report["evidence"] is not None:
            yield Figure(
                name="toolft_canary_evidence",
                help="Evidence that the candidate fails more often; it is stopped at toolft_canary_evidence_needed.",
                value=report["evidence"],
            )
            yield Figure(
                name="toolft_canary_evidence_needed", help="Evidence that stops.", value=report["evidence_needed"]
            )
        for arm, counts in report["arms"].items():
            for name in ("conversations", "failed", "turns", "parsed"):
                yield Figure(
                    name=f"toolft_canary_{name}",
                    help=f"The canary's {name}, of the current test.",
                    value=counts[name],
                    labels={"arm": arm},
                )
        yield Figure(
            name="toolft_canary_stopped",
            help="1 if the candidate was stopped.",
            value=float(report["stopped"] is not None),
        )

    def close(self) -> None:
        """Write the state and end the test; `open` goes on with it. Does nothing the second time."""
        with self._lock:
            test, self._test = self._test, None
            if test is not None:
                self._last_report = canary_report(test, settings=self._settings, stop=self._stop)
                self._write(test)
        self._writer.submit(lambda: None).result()
        self._files.unlock()

    def _look(self) -> None:
        """Settle what is complete, decide, and have the state written now and then. Called with the lock."""
        test = self._test
        if test is None:
            return
        now = self._now()
        test.settle(now=now)
        reason = test.reason_to_stop() if self._stop is None else None
        if reason is not None:
            self._stop = Stop(at=_utc(now), why=reason)
            self._stopped.add(test.candidate)
            self._writer.submit(self._write_stop, test.candidate, self._stop)
        if reason is not None or now - self._written_at >= WRITE_EVERY_S:
            self._write(test)

    def _write(self, test: CandidateTest) -> None:
        self._written_at = self._now()
        state = test.state()
        state.updated_at = _utc(self._written_at)
        copy = msgspec.json.decode(msgspec.json.encode(state), type=CanaryState)
        self._writer.submit(self._guarded, lambda: self._files.write(copy))

    def _write_stop(self, digest: str, stop: Stop) -> None:
        self._guarded(lambda: self._files.write_stop(digest, stop))
        self._notify(
            Notice(
                agent=self._agent,
                subject=CANARY_STOPPED,
                error=f"{digest[:16]} was stopped: {stop.why}",
                remedy="the champion answers all conversations; GET /canary compares both arms",
            )
        )

    def _guarded(self, write: Callable[[], None]) -> None:
        """Write on the writer's thread; a disk that is full must not end the serving. Said once."""
        try:
            write()
        except OSError as error:
            text = f"{self._files.folder}: cannot be written ({error.strerror})"
            if text != self._write_error:
                self._notify(
                    Notice(
                        agent=self._agent,
                        subject="canary",
                        error=text,
                        remedy="fix the folder: a restart would forget what was counted since",
                    )
                )
            self._write_error = text
        else:
            self._write_error = None


def _utc(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
