"""The key `served` of a log line: what the project's own server says of a conversation that it answered.

Invariant: the key can only lower the trust in a run. A run is `served` if our models wrote every one of its assistant
turns, `mixed` if another model wrote one (the fallback endpoint, or a history that the server did not write); no log
can make its runs golden. A key of that name in somebody else's logs decides nothing.
"""

from __future__ import annotations

import re

import msgspec
from msgspec import Raw, Struct

from toolft_pipeline.trajectories.record import Origin

SERVED_FORMAT = "openai"
"""The format of the files that our server writes, whatever `logs.format` says of the others."""

_SERVED_FILE = re.compile(r"\d{4}-\d{2}-\d{2}\.served-[0-9a-f]+-\d+\.jsonl(\.gz|\.zst)?")


def is_served_file(name: str) -> bool:
    """Whether a file of this name is a day log of our own server."""
    return _SERVED_FILE.fullmatch(name) is not None


class ServedTurnLine(Struct, omit_defaults=True, kw_only=True):
    """One answered request of the conversation.

    `message` is the place of its answer among the messages, None for an answer that the client did not keep (a retried
    one). Prompts repeat most of what came before, so `prompt_ids` are only the ids after the first `shared_ids` ones of
    the turn before (its prompt, then its completion). Times are in milliseconds.
    """

    message: int | None = None
    started_at: str
    model_day: str
    model_digest: str
    """Content digest of the merged model."""
    adapter_digest: str | None = None
    arm: str
    shared_ids: int = 0
    prompt_ids: list[int] = []
    completion_ids: list[int] = []
    new_tokens: int = 0
    latency_ms: float = 0.0
    first_token_ms: float | None = None
    queued_ms: float = 0.0
    calls: list[str] = []
    """Names of the tools that the model itself called."""
    fault: str | None = None
    fault_detail: str | None = None
    invalid_arguments: list[str] = []
    """The validator's reasons."""
    fallback: str | None = None
    """The endpoint that answered in the model's place."""
    constrained_changes: int = 0
    """Tokens where the grammar forbade the model's own choice."""
    catalog_drift: bool = False
    catalog_tokens_saved: int = 0
    """Tokens that the offered tools would have added to the prompt."""

    @property
    def prompt_tokens(self) -> int:
        """Length of the whole prompt."""
        return self.shared_ids + len(self.prompt_ids)


class ServedKey(Struct, kw_only=True):
    """The value of the key. `own` says that our models wrote every assistant turn among the messages.

    `client` is a pseudonym of the key that the client authenticated with.
    """

    own: bool
    client: str
    turns: list[ServedTurnLine]


class _Mark(Struct):
    own: bool


class _ServedLine(Struct):
    served: ServedKey


_MARK = msgspec.json.Decoder(_Mark)
_LINE = msgspec.json.Decoder(_ServedLine)


def origin_of(served: Raw) -> Origin:
    """The origin of a run by the value of the key, null for a line without one."""
    if bytes(served) == b"null":
        return Origin.LOGGED
    try:
        return Origin.SERVED if _MARK.decode(served).own else Origin.MIXED
    except msgspec.MsgspecError:
        return Origin.LOGGED


def served_turns(line: bytes) -> list[ServedTurnLine]:
    """The turns of a line whose run is served or mixed; empty if they cannot be read."""
    try:
        return _LINE.decode(line).served.turns
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return []


def whole_prompts(turns: list[ServedTurnLine]) -> list[list[int]]:
    """The ids of every turn's whole prompt."""
    prompts: list[list[int]] = []
    before: list[int] = []
    for turn in turns:
        prompts.append(before[: turn.shared_ids] + turn.prompt_ids)
        before = prompts[-1] + turn.completion_ids
    return prompts
