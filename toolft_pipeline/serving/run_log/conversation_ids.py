"""Which conversation a request belongs to, also for clients that do not say so.

Invariant: a conversation is found only by the client that began it; two clients never share one, whatever they send.
Memory is bounded: the oldest answers are forgotten first, and a request that continues one begins a new conversation.
"""

from __future__ import annotations

import uuid
from collections import OrderedDict, deque
from typing import Any

from toolft_pipeline.serving.answer_message import answer_message
from toolft_pipeline.serving.chat_request import ChatRequest
from toolft_pipeline.serving.run_log.history import history_digests
from toolft_pipeline.serving.served_turn import ServedTurn

MAX_ANSWERS = 50_000
"""Answers that are remembered, about 300 bytes each."""


class HistoryConversationIds:
    """Names conversations by the client's own id, by the ids of our calls, or by the history up to our last answer.

    Of conversations with equal histories (the same question, the same greedy answer, calls without ids) a request
    continues the one that has waited longest. Used from one event loop.
    """

    def __init__(self, *, max_answers: int = MAX_ANSWERS) -> None:
        self._by_call: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._by_history: OrderedDict[tuple[str, bytes], _Alike] = OrderedDict()
        self._max = max_answers

    def identify(self, request: ChatRequest) -> str:
        """The client's own id, else that of the conversation whose last answer the history holds, else a new one."""
        if request.conversation_id is not None:
            return request.conversation_id
        places = [place for place, message in enumerate(request.messages) if message.get("role") == "assistant"]
        if not places:
            return _new()
        last = places[-1]
        for call in request.messages[last].get("tool_calls") or ():
            if known := self._by_call.get((request.client, str(call.get("id")))):
                return known
        alike = self._by_history.get((request.client, _history(request.messages[: last + 1])))
        return _new() if alike is None else alike.next()

    def remember(self, turn: ServedTurn) -> None:
        """Remember the history that ends in this answer."""
        client, answer = turn.request.client, answer_message(turn)
        for call in answer.get("tool_calls") or ():
            self._by_call[client, str(call.get("id"))] = turn.conversation_id
        key = (client, _history([*turn.request.messages, answer]))
        self._by_history.setdefault(key, _Alike()).add(turn.conversation_id)
        self._by_history.move_to_end(key)
        for known in (self._by_call, self._by_history):
            while len(known) > self._max:
                known.popitem(last=False)


_MOST_ALIKE = 64
"""Conversations with one history that are kept apart; more than a client begins with one question at once."""


class _Alike:
    """The conversations with one history: those that nobody continued yet, in order, and the one continued last."""

    def __init__(self) -> None:
        self._waiting: deque[str] = deque(maxlen=_MOST_ALIKE)
        self._last = ""

    def add(self, id_: str) -> None:
        """Add a conversation that waits for its next request."""
        if id_ not in self._waiting:
            self._waiting.append(id_)

    def next(self) -> str:
        """The conversation of the next request; the last one again (a repeated request) where none waits."""
        if self._waiting:
            self._last = self._waiting.popleft()
        return self._last


def _history(messages: list[dict[str, Any]]) -> bytes:
    return history_digests(messages)[-1]


def _new() -> str:
    return f"conv-{uuid.uuid4().hex}"
