"""Which of some runs, read one at a time, another of them begins with: for counts beside the selection's own.

Invariant: the same runs as `beginnings` finds. Memory is 8 bytes a message.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from toolft_pipeline.curation.dedup.conversation_hashes import conversation_hashes
from toolft_pipeline.curation.dedup.dedup_text import call_lines
from toolft_pipeline.trajectories.record import Message


class RepeatedConversations:
    """The conversations seen so far."""

    def __init__(self) -> None:
        self._whole, self._beginnings = array("Q"), array("Q")

    def add(self, messages: Sequence[Message]) -> None:
        """Take one run."""
        *beginnings, whole = conversation_hashes(messages, call_lines(messages)) or [0]
        self._whole.append(whole)
        self._beginnings.extend(beginnings)

    def continued(self) -> NDArray[np.bool_]:
        """For each run, in the order in which they came, whether another one begins with all of it."""
        whole, beginnings = (np.frombuffer(hashes, np.uint64) for hashes in (self._whole, self._beginnings))
        found: NDArray[np.bool_] = np.isin(whole, beginnings)
        return found
