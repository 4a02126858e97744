"""Which model a conversation began with.

Invariant: a conversation keeps the model that answered it first for as long as that model takes conversations; after
that it goes to the champion. So a candidate that arrives takes over no conversation in the middle.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from toolft_pipeline.serving.served_turn import Arm

REMEMBERED = 20_000
"""Conversations that are remembered. An older one is drawn again, by the same hash."""


class ConversationArms:
    """The first model of each recent conversation, by content digest."""

    def __init__(self) -> None:
        self._first: OrderedDict[str, str] = OrderedDict()

    def model_of(
        self,
        conversation_id: str,
        *,
        champion: str,
        candidate: str | None = None,
        draw: Callable[[str], Arm] | None = None,
    ) -> str:
        """Content digest of the model that answers next; `draw` chooses for a conversation that begins now."""
        first = self._first.get(conversation_id)
        if first is None and candidate is not None and draw is not None:
            digest = candidate if draw(conversation_id) is Arm.CANDIDATE else champion
        else:
            digest = candidate if candidate is not None and first == candidate else champion
        self._first.setdefault(conversation_id, digest)
        self._first.move_to_end(conversation_id)
        if len(self._first) > REMEMBERED:
            self._first.popitem(last=False)
        return digest
