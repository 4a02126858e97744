"""A served conversation as it grows, and the log line that it becomes.

Invariant: the line holds the history of the last request and its answer, so it is what the agent saw, whatever the
client left out or said again before. Every request that was answered is a turn of exactly one run, also where the
client did not keep its answer.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw, Struct

from toolft_pipeline.ingest.parsing.offered_tools import tool_offer
from toolft_pipeline.ingest.parsing.served_key import ServedKey, ServedTurnLine, whole_prompts
from toolft_pipeline.serving.answer_message import answer_message
from toolft_pipeline.serving.run_log.history import history_digests, message_digest
from toolft_pipeline.serving.served_turn import ServedTurn, TurnFault

METADATA_KEYS = ("task_id", "task_key", "initial_state", "final_state")
"""Keys of a request's metadata that are read: facts about the run that only the client knows."""


class Answer(Struct, frozen=True):
    """An answer that a conversation was sent: the digest of its message, and whether our model wrote it."""

    digest: str
    own: bool


class Conversation(Struct, kw_only=True):
    """One run in the making.

    `run` is its id in the log, `key` the pseudonym of client and conversation, `last_at` the time of the last turn in
    seconds since 1970. `request_digests` are those of all beginnings of the last request that was no retry with an
    error. `earlier` are the answers of the runs of this conversation that were written before.
    """

    key: str
    client: str
    run: str
    started_at: str
    last_at: float
    messages: list[dict[str, Any]] = []
    request_digests: list[bytes] = []
    tool_names: list[str] = []
    tools_ref: str | None = None
    metadata: dict[str, str] = {}
    outcome: str | None = None
    evidence: str | None = None
    turns: list[ServedTurnLine] = []
    answers: list[Answer] = []
    earlier: list[Answer] = []

    def continues(self, turn: ServedTurn) -> bool:
        """Whether a turn belongs to this run: its history begins with that of the last request.

        That holds for the next request, for the same one again, and where the client replaced our answer. A history
        that was cut or begun again is another run.
        """
        digests = history_digests(turn.request.messages)
        return digests[: len(self.request_digests)] == self.request_digests

    def add(self, turn: ServedTurn, *, at: float) -> None:
        """Add an answered request."""
        request, answer = turn.request, answer_message(turn)
        if not self._shows_the_last_error(digests := history_digests(request.messages)):
            self.request_digests = digests
        self.turns.append(_turn_line(turn, after=self._last_ids()))
        self.answers.append(Answer(message_digest(answer).hex(), turn.fallback is None))
        self.messages = [*request.messages, answer]
        self.last_at = at
        names = [name for tool in request.tools if (name := _name(tool)) is not None]
        if len(names) == len(request.tools):
            self.tool_names = list(dict.fromkeys([*self.tool_names, *names]))
            offer = tool_offer(Raw(msgspec.json.encode(request.tools))) if names else None
            self.tools_ref = None if offer is None else offer.digest
        self.metadata |= {key: request.metadata[key] for key in METADATA_KEYS if request.metadata.get(key)}

    def _shows_the_last_error(self, digests: list[bytes]) -> bool:
        """Whether a request asks a faulty turn again with one message more, which later histories may leave out."""
        faulty = bool(self.turns) and self.turns[-1].fault is not None
        return faulty and digests[:-1] == self.request_digests

    def line(self) -> bytes:
        """The log line, without its newline."""
        own = self._place_turns()
        known = {key: value for key in METADATA_KEYS if (value := self.metadata.get(key))}
        tools = [{"type": "function", "function": {"name": name}} for name in self.tool_names]
        latencies = sum(turn.latency_ms for turn in self.turns)
        return msgspec.json.encode(
            {
                "id": self.run,
                "started_at": self.started_at,
                **known,
                "messages": self.messages,
                **({"tools": tools, "tools_ref": self.tools_ref} if tools else {}),
                **({"outcome": {"status": self.outcome, "evidence": self.evidence}} if self.outcome else {}),
                "usage": {
                    "prompt_tokens": sum(turn.prompt_tokens for turn in self.turns),
                    "completion_tokens": sum(turn.new_tokens for turn in self.turns),
                    "latency_ms": latencies,
                    "parse_failures": sum(turn.fault in _NOT_PARSED for turn in self.turns),
                },
                "served": ServedKey(own=own, client=self.client, turns=self.turns),
            }
        )

    def closed(self) -> list[Answer]:
        """All answers of the conversation, for a run that continues it after this one was written."""
        return [*self.earlier, *self.answers]

    def _last_ids(self) -> list[int]:
        """The ids of the last turn: its whole prompt, then its completion."""
        return whole_prompts(self.turns)[-1] + self.turns[-1].completion_ids if self.turns else []

    def _place_turns(self) -> bool:
        """Give each turn the place of its answer among the messages; returns whether all answers there are our own."""
        for turn in self.turns:
            turn.message = None
        waiting, own = list(zip(self.answers, self.turns, strict=True)), True
        before = {answer.digest: answer.own for answer in self.earlier}
        for place, message in enumerate(self.messages):
            if message.get("role") != "assistant":
                continue
            digest = message_digest(message).hex()
            at = next((index for index, (answer, _) in enumerate(waiting) if answer.digest == digest), None)
            if at is None:
                own = own and before.get(digest, False)
                continue
            answer, turn = waiting[at]
            turn.message, own = place, own and answer.own
            waiting = waiting[at + 1 :]
        return own


_NOT_PARSED = (TurnFault.CUT.value, TurnFault.MALFORMED.value)


def _turn_line(turn: ServedTurn, *, after: list[int]) -> ServedTurnLine:
    prompt = turn.prompt_ids
    shared = next((at for at, (one, other) in enumerate(zip(after, prompt, strict=False)) if one != other), None)
    if shared is None:
        shared = min(len(after), len(prompt))
    return ServedTurnLine(
        started_at=turn.started_at,
        model_day=turn.model_day,
        model_digest=turn.model_digest,
        adapter_digest=turn.adapter_digest,
        arm=turn.arm.value,
        shared_ids=shared,
        prompt_ids=list(prompt[shared:]),
        completion_ids=list(turn.completion_ids),
        new_tokens=turn.n_new_tokens,
        latency_ms=turn.latency_ms,
        first_token_ms=turn.first_token_ms,
        queued_ms=turn.queued_ms,
        calls=[call.name for call in turn.turn.calls],
        fault=None if turn.fault is None else turn.fault.value,
        fault_detail=turn.fault_detail,
        invalid_arguments=list(turn.invalid_arguments),
        fallback=turn.fallback,
        constrained_changes=turn.constrained_changes,
        catalog_drift=turn.catalog_drift,
        catalog_tokens_saved=turn.catalog_tokens_saved,
    )


def _name(tool: dict[str, Any]) -> str | None:
    name = (tool.get("function") or tool).get("name")
    return name if isinstance(name, str) and name else None
