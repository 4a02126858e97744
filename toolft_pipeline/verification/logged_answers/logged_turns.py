"""The user turns of a logged run: what was asked, which calls were made, which of them failed for good, the answer.

Invariant: a failed call counts as recovered only if a later call of the turn succeeded and could make up for it: the
same tool, or one that is not known to change nothing. Looking up why a cancellation failed cancels nothing.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import Any

from toolft_pipeline.trajectories.grounding_text import decoded, leaves
from toolft_pipeline.trajectories.record import Message, Role, ToolCall
from toolft_pipeline.trajectories.tool_failure import is_error

NO_READS: Mapping[str, bool] = MappingProxyType({})

_READS_TEXT = (
    "get list find search show read fetch query describe count view look lookup track retrieve calculate compute "
    "convert estimate check is has"
)
_READS = frozenset(_READS_TEXT.split())
_WRITES_TEXT = (
    "set create add update delete remove cancel book send make place open close move assign reserve release turn "
    "start stop restart pause resume play approve reject refund void ship hold unlock lock block unblock invite "
    "mute archive save write note log register enroll sign subscribe unsubscribe record copy sync import export "
    "publish grant revoke reset apply confirm accept complete finish mark tag share upgrade downgrade extend "
    "renew rename transfer pay order post put upload install submit schedule edit change merge enable disable"
)
_WRITES = frozenset(_WRITES_TEXT.split())
_CHECKS_IN = re.compile(r"check_?-?(?:in|out)", re.IGNORECASE)
"""Names that begin like a read and change something."""
_NAME_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
_NOUNS_TEXT = "status details detail info history summary balance"
_NOUNS = frozenset(_NOUNS_TEXT.split())
"""What a tool gives that changes nothing, whatever its other words: `order_status`."""
_JSON_STARTS = frozenset('{["-0123456789tf ')
_FAILED_FLAGS = frozenset({"success", "ok", "succeeded"})


@dataclass(kw_only=True)
class LoggedCall:
    """One call with its result; `batch` numbers the assistant turn that made it. Not frozen: one is made for every
    call of every run, and frozen ones take three times as long to make."""

    name: str
    arguments_json: str
    result: str
    failed: bool
    batch: int
    declared_read: bool | None = None
    """What the catalog says; the name is read where it says nothing."""

    @cached_property
    def arguments(self) -> Any:
        """The arguments, decoded."""
        return decoded(self.arguments_json)

    @cached_property
    def value(self) -> Any:
        """The result as JSON; None for a plain text."""
        return decoded(self.result) if self.result[:1] in _JSON_STARTS else None

    @property
    def reads(self) -> bool:
        """Whether the catalog, or else the tool's name, says that it changes nothing."""
        return _verb(self.name) in _READS if self.declared_read is None else self.declared_read

    @property
    def writes(self) -> bool:
        """Whether the catalog, or else the tool's name, says that it changes something."""
        return _verb(self.name) in _WRITES if self.declared_read is None else not self.declared_read


@dataclass(kw_only=True)
class LoggedTurn:
    """One user turn; `place` is the number of the answer's message, `answer` is empty where there is none."""

    user: str = ""
    calls: list[LoggedCall] = field(default_factory=list)
    answer: str = ""
    place: int = 0

    @cached_property
    def lasting_failures(self) -> list[LoggedCall]:
        """Failed calls that no later call of the turn made up for."""
        if not any(call.failed for call in self.calls):
            return []
        return [
            call
            for call in self.calls
            if call.failed
            and not any(
                later.batch > call.batch
                and not later.failed
                and (later.name == call.name or call.reads or not later.reads)
                for later in self.calls
            )
        ]

    @cached_property
    def successes(self) -> list[LoggedCall]:
        """Calls that succeeded."""
        return [call for call in self.calls if not call.failed]


def logged_turns(
    messages: Sequence[Message], *, error_forms: tuple[str, ...] = (), reads: Mapping[str, bool] = NO_READS
) -> Iterator[LoggedTurn]:
    """The user turns of a run in order; the run ends at an image, which no rule can read.

    `reads` has the tools of which the catalog says whether they only read.
    """
    turn, waiting, batch = LoggedTurn(), dict[str, ToolCall](), 0
    for place, message in enumerate(messages):
        if any(part.image_sha256 is not None for part in message.content):
            return
        if message.role is Role.USER:
            if turn.answer or turn.calls:
                yield turn
                turn = LoggedTurn()
            turn.user = f"{turn.user}\n{message.text}" if turn.user else message.text
        elif message.role is Role.ASSISTANT:
            turn.answer, turn.place, batch = "" if message.tool_calls else message.text, place, batch + 1
            waiting = {call.id: call for call in message.tool_calls}
        elif message.role is Role.TOOL and (call := waiting.get(message.tool_call_id or "")) is not None:
            failed = is_error(message, error_forms) or _says_failed(message.text)
            turn.calls.append(
                LoggedCall(
                    name=call.name,
                    arguments_json=call.arguments_json,
                    result=message.text,
                    failed=failed,
                    batch=batch,
                    declared_read=reads.get(call.name),
                )
            )
    if turn.answer or turn.calls:
        yield turn


def scalar_texts(value: Any) -> Iterator[str]:
    """The scalars of a JSON value as an answer would state them, in lower case; truth values and null are left out."""
    for _, scalar, _ in leaves(value, {}):
        if isinstance(scalar, str):
            if scalar.strip():
                yield scalar.casefold()
        elif scalar is not None and not isinstance(scalar, bool):
            yield json.dumps(scalar)


def is_empty(value: Any) -> bool:
    """Whether a result holds nothing: empty lists, nulls, zeros, no number (NaN), false flags and empty texts alone."""
    if isinstance(value, dict):
        return all(is_empty(inner) for inner in value.values())
    if isinstance(value, float) and not math.isfinite(value):
        return True
    return not value


def _says_failed(text: str) -> bool:
    """Whether an object's own flag says that the call did not work."""
    if "alse" not in text[:80] or not text.startswith("{"):
        return False
    value = decoded(text)
    return isinstance(value, dict) and any(value.get(flag) is False for flag in _FAILED_FLAGS)


@lru_cache(maxsize=4096)
def _verb(name: str) -> str:
    """The first word of a tool's name that says whether it changes something."""
    if _CHECKS_IN.search(name):
        return ""
    parts = [part.casefold() for part in _NAME_WORD.findall(name)]
    if not _NOUNS.isdisjoint(parts):
        return "get"
    return next((part for part in parts if part in _READS or part in _WRITES), "")
