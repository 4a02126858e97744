"""All conversations that a server has open, and what becomes of them: the run log without its thread.

Invariant: a turn is on disk before the next item is handled, and a run leaves the spool only after a day log has it. An
error of the disk keeps what it concerns for the next attempt; nothing is half-written.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct, structs

from toolft_pipeline.ingest.feedback import FeedbackLine
from toolft_pipeline.serving.run_log.conversation import Answer, Conversation
from toolft_pipeline.serving.run_log.day_files import DayFiles
from toolft_pipeline.serving.run_log.feedback import Feedback, FeedbackResult, FeedbackStatus, answer_to
from toolft_pipeline.serving.run_log.spool import Spool
from toolft_pipeline.serving.run_log.written_runs import WrittenRuns, run_id
from toolft_pipeline.serving.served_turn import ServedTurn

MAX_OPEN = 10_000
"""Conversations that are open at once: of one more, the oldest is complete."""

MAX_COMPLETE = 10_000
"""Runs that wait for a disk that is full; the oldest of more is lost, and counted."""


class RunLogCounts(Struct, kw_only=True):
    """What a run log did since it started; every number but `open` and `waiting` only grows.

    `dropped_turns` found the queue full, `lost_runs` the disk full for too long, `failures` counts failed writes.
    `failing` says whether the last write failed: that is the alert of a full disk.
    """

    turns: int = 0
    runs: int = 0
    feedback: int = 0
    dropped_turns: int = 0
    lost_runs: int = 0
    failures: int = 0
    open: int = 0
    waiting: int = 0
    failing: bool = False


@dataclass(frozen=True, kw_only=True)
class RunLogPlace:
    """Where and how a server writes its runs.

    `key` makes the pseudonyms of clients and conversations; days are those of `time_zone`; `idle_s` seconds without a
    request complete a conversation.
    """

    folder: Path
    agent: str
    time_zone: str
    idle_s: float
    key: bytes


class OpenRuns:
    """The conversations of one process. Used from one thread. `now` gives seconds since 1970."""

    def __init__(self, place: RunLogPlace, *, counts: RunLogCounts, now: Callable[[], float]) -> None:
        self._place, self._counts, self._now = place, counts, now
        self._zone = ZoneInfo(place.time_zone)
        self._spool = Spool(place.folder)
        self._files = DayFiles(place.folder, token=self._spool.token, staging=self._spool.folder)
        self._written = WrittenRuns(place.folder)
        self._open: OrderedDict[str, Conversation] = OrderedDict()
        self._complete: deque[Conversation] = deque()
        self._closed: OrderedDict[str, list[Answer]] = OrderedDict()
        for conversation in sorted(self._spool.adopt(), key=lambda each: each.last_at):
            self._adopt(conversation)

    def add(self, turn: ServedTurn) -> None:
        """Add a turn to its conversation. Raises `OSError` if it cannot be written; it is in memory then."""
        key = self._key(turn.request.client, turn.conversation_id)
        conversation = self._open.get(key)
        if conversation is not None and not conversation.continues(turn):
            self._finish(key)
            conversation = None
        if conversation is None:
            conversation = self._begin(key, turn)
        conversation.add(turn, at=self._now())
        self._open.move_to_end(key)
        self._counts.turns += 1
        while len(self._open) > MAX_OPEN:
            self._finish(next(iter(self._open)))
        self._keep(conversation)

    def give(self, feedback: Feedback) -> FeedbackResult:
        """Store feedback on a client's own conversation. Raises `OSError` or `LogError` if it cannot be stored."""
        key = self._key(feedback.client, feedback.conversation_id)
        conversation = self._open.get(key)
        if conversation is None:
            self.write()  # a run that waits for the disk cannot be found yet
            return self._give_late(key, feedback)
        known = answer_to(feedback, run=conversation.run, outcome=conversation.outcome, evidence=conversation.evidence)
        if known is None:
            judged = structs.replace(
                conversation,
                outcome=feedback.outcome,
                evidence=feedback.evidence,
                metadata=conversation.metadata | feedback.states(),
            )
            self._keep(judged)  # raises before anything is changed
            self._open[key] = judged
            self._counts.feedback += 1
            known = FeedbackResult(status=FeedbackStatus.RECORDED, run=conversation.run)
        if feedback.over:
            self._finish(key)
        return known

    def sweep(self, *, everything: bool = False) -> None:
        """Complete the conversations that are idle, or all, and write what is complete. Raises `OSError`."""
        now = self._now()
        for key, conversation in list(self._open.items()):
            if not everything and conversation.last_at + self._place.idle_s > now:
                break  # in the order of their last turns
            self._finish(key)
        self.write()

    def write(self) -> None:
        """Write what is complete to the day log. Raises `OSError`; then it stays complete, and in the spool."""
        while len(self._complete) > MAX_COMPLETE:
            self._complete.popleft()
            self._counts.lost_runs += 1
        batch = list(self._complete)
        if batch:
            self._files.add_runs(self._today(), [conversation.line() for conversation in batch])
            self._counts.failing = False
            self._complete.clear()
            self._counts.runs += len(batch)
            for conversation in batch:
                self._spool.remove(conversation.run)
        self._counts.open, self._counts.waiting = len(self._open), len(self._complete)

    def close(self) -> None:
        """Let go of the spool; what could not be written waits there for the next process."""
        self._spool.close()

    def _keep(self, conversation: Conversation) -> None:
        self._spool.put(conversation)
        self._counts.failing = False

    def _begin(self, key: str, turn: ServedTurn) -> Conversation:
        started = int(datetime.fromisoformat(turn.started_at).timestamp() * 1000)
        conversation = Conversation(
            key=key,
            client=self._pseudonym(turn.request.client),
            run=run_id(key, started_ms=started),
            started_at=turn.started_at,
            last_at=self._now(),
            earlier=self._closed.pop(key, []),
        )
        self._open[key] = conversation
        return conversation

    def _adopt(self, conversation: Conversation) -> None:
        if conversation.key in self._open:
            self._finish(conversation.key)
        self._open[conversation.key] = conversation

    def _finish(self, key: str) -> None:
        conversation = self._open.pop(key)
        self._complete.append(conversation)
        self._closed[key] = conversation.closed()
        while len(self._closed) > MAX_OPEN:
            self._closed.popitem(last=False)

    def _give_late(self, key: str, feedback: Feedback) -> FeedbackResult:
        written = self._written.find(key)
        if written is None:
            return FeedbackResult(status=FeedbackStatus.UNKNOWN)
        before = self._written.feedback_on(written)
        outcome, evidence = written.outcome, written.evidence
        if outcome is None and before is not None:
            outcome, evidence = before.outcome, before.evidence
        if known := answer_to(feedback, run=written.run, outcome=outcome, evidence=evidence):
            return known
        line = FeedbackLine(
            run=written.run,
            outcome=feedback.outcome,
            at=datetime.fromtimestamp(self._now(), UTC).isoformat(timespec="milliseconds"),
            evidence=feedback.evidence,
            comment=feedback.comment,
            **feedback.states(),
        )
        self._files.add_feedback(written.day, msgspec.json.encode(line))
        self._counts.failing = False
        self._counts.feedback += 1
        return FeedbackResult(status=FeedbackStatus.RECORDED, run=written.run)

    def _today(self) -> str:
        return datetime.fromtimestamp(self._now(), self._zone).date().isoformat()

    def _key(self, client: str, conversation_id: str) -> str:
        return self._pseudonym(client, conversation_id)

    def _pseudonym(self, *names: str) -> str:
        """A name that nobody without the key finds the names in; other names give another one."""
        text = "\0".join((self._place.agent, *names)).encode("utf-8", "surrogatepass")
        return hmac.new(self._place.key, text, hashlib.sha256).hexdigest()[:24]
