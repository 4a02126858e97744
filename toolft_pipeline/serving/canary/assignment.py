"""Which conversations a candidate answers.

Invariant: the arm follows from the candidate's digest and the conversation's id alone. Retries, later turns and a
restarted server therefore choose the same arm, and each candidate gets another sample of conversations.
"""

from __future__ import annotations

import hashlib


def goes_to_candidate(conversation_id: str, *, digest: str, share: float) -> bool:
    """Whether a conversation is among the `share` that the candidate with this content digest answers."""
    drawn = hashlib.sha256(f"{digest}:{conversation_id}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(drawn[:8], "big") < share * 2**64
