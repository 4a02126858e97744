"""Keys of a line that its reader does not look at.

Invariant: no key that can change what a turn means is ignored in silence. A key is read, or known to change nothing
(`known`), or counted under its name; and where it holds calls, or the only content of a message, or the answer that a
run lacks, the run is refused.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from msgspec import Struct
from msgspec.structs import fields

from toolft_pipeline.ingest.parsing.quotable_name import quotable_name
from toolft_pipeline.ingest.parsing.rejects import Rejection, RejectReason

HARMLESS_RUN_KEYS = frozenset(
    {
        *("model", "created", "created_at", "object", "metadata", "tags", "version", "split", "source", "timestamp"),
        *("session_id", "conversation_id", "thread_id", "trace_id", "run_id", "request_id", "user_id", "user"),
        *("temperature", "top_p", "top_k", "max_tokens", "max_completion_tokens", "stop", "stop_sequences", "seed"),
        *("n", "stream", "logprobs", "top_logprobs", "logit_bias", "frequency_penalty", "presence_penalty"),
        *("parallel_tool_calls", "tool_choice", "response_format", "reasoning_effort", "service_tier", "store"),
        *("system_fingerprint", "provider", "model_parameters", "duration", "latency", "cost", "total_cost"),
    }
)
"""What a request, a logger or an evaluation writes beside a run: parameters, ids, times and prices."""

HARMLESS_MESSAGE_KEYS = frozenset(
    {
        *("id", "name", "annotations", "weight", "timestamp", "created_at", "createdAt", "cache_control", "model"),
        *("usage", "finish_reason", "stop_reason", "stop_sequence", "logprobs", "index", "cost", "metadata"),
    }
)

HARMLESS_PART_KEYS = frozenset(
    {"annotations", "cache_control", "citations", "signature", "index", "logprobs", "id", "extras", "detail", "caller"}
)

HARMLESS_CALL_KEYS = frozenset({"type", "index", "description", "strict", "parsed_arguments"})

MAX_NAMES = 100
"""Distinct names that are counted apart over all lines; further ones are counted together."""

OTHERS = "other keys"

_CALLS = re.compile(r"(tool|function)(call|use|invocation|request|result|response|output)s?$")
_NAMES = frozenset({"name", "toolname", "tool", "function", "functionname", "recipientname"})
_ARGUMENTS = frozenset(
    {"arguments", "args", "input", "toolinput", "actioninput", "toolargs", "toolarguments", "kwargs"}
)
_ANSWERS = re.compile(r"(answer|reply|response|output|completion|generation|prediction|assistant)", re.IGNORECASE)
_DEEPEST = 6


def struct_keys(*structs: type[Struct]) -> frozenset[str]:
    """The keys that a reader's structs take from a line."""
    return frozenset(field.encode_name for struct in structs for field in fields(struct))


@dataclass(frozen=True, kw_only=True)
class FormatKeys:
    """What one format's reader knows: the keys of each level that it reads or may leave, and where messages, parts of
    their content and calls stand in a decoded line."""

    run: frozenset[str]
    message: frozenset[str]
    part: frozenset[str]
    call: frozenset[str]
    messages: Callable[[Any], list[dict[str, Any]]]
    parts: Callable[[dict[str, Any]], list[dict[str, Any]]]
    calls: Callable[[dict[str, Any]], list[dict[str, Any]]]
    content: str = "content"


def count_keys_not_read(row: Any, keys: FormatKeys) -> Counter[str] | Rejection:
    """The keys of a decoded line that its reader left, as `level.key` with how often each says something; a rejection
    where one of them changes what the run means."""
    found: Counter[str] = Counter()
    calls = 0
    messages = keys.messages(row)
    for place, message in enumerate(messages):
        here = keys.calls(message)
        calls += len(here)
        left = _left(message, keys.message)
        refused = None if here else _refused_message(place, message, left, keys)
        if refused is not None:
            return refused
        _count(found, "message", left)
        for part in keys.parts(message):
            _count(found, "part", _left(part, keys.part))
        for call in here:
            inner = call.get("function")
            for one in (call, inner) if isinstance(inner, dict) else (call,):
                _count(found, "call", _left(one, keys.call))
    if isinstance(row, dict):
        left = _left(row, keys.run)
        refused = _refused_run(left, calls=calls, last=messages[-1] if messages else {}, keys=keys)
        if refused is not None:
            return refused
        _count(found, "run", left)
    return found


def add_counts(total: Counter[str], more: Mapping[str, int]) -> None:
    """Add counts to a total whose number of names stays bounded."""
    for name, count in more.items():
        total[name if name in total or len(total) < MAX_NAMES else OTHERS] += count


def describe_keys_not_read(counts: Mapping[str, int]) -> list[str]:
    """The counts as people read them, a line for each level."""
    lines = []
    for level in ("run", "message", "part", "call"):
        own = {name.removeprefix(f"{level}."): count for name, count in counts.items() if name.startswith(f"{level}.")}
        if own:
            listed = sorted(own.items(), key=lambda item: (-item[1], item[0]))
            lines.append(f"{level} keys not read: " + ", ".join(f"{name} ({count})" for name, count in listed))
    if OTHERS in counts:
        lines.append(f"{OTHERS} not read: {counts[OTHERS]}")
    return lines


def _left(given: dict[str, Any], known: frozenset[str]) -> dict[str, Any]:
    """The keys that are not known and say something."""
    return {key: value for key, value in given.items() if key not in known and _says(value)}


def _says(value: Any) -> bool:
    return value is not None and value is not False and value not in ("", [], {})


def _count(found: Counter[str], level: str, left: Iterable[str]) -> None:
    for key in left:
        found[f"{level}.{quotable_name(key).strip('`')}"] += 1


def _refused_message(place: int, message: dict[str, Any], left: dict[str, Any], keys: FormatKeys) -> Rejection | None:
    """Why a message without calls that are read cannot stand, if it cannot."""
    containers = {key: value for key, value in message.items() if key in HARMLESS_MESSAGE_KEYS}
    for key, value in (left | containers).items():
        if (key in left and _named_calls(key, value)) or contains_tool_call(value):
            return _refused(
                f"message {place} holds calls or results under {quotable_name(key)}, which is not read; log calls as "
                "tool_calls and results as messages of their own"
            )
    if message.get(keys.content) is None and keys.content not in left:
        said = [key for key, value in left.items() if isinstance(value, str | list | dict)]
        if said:
            return _refused(
                f"message {place} has no {keys.content}, and {quotable_name(said[0])} is not read; write what it says as "
                f"{keys.content}"
            )
    return None


def _refused_run(left: dict[str, Any], *, calls: int, last: dict[str, Any], keys: FormatKeys) -> Rejection | None:
    """Why a run cannot stand for what lies beside its messages, if it cannot."""
    if not calls:
        for key, value in left.items():
            if _named_calls(key, value) or contains_tool_call(value):
                return _refused(
                    f"calls stand under {quotable_name(key)} beside the messages, which is not read, and no message makes "
                    "one; log them as tool_calls of the messages that made them"
                )
    if _speaks(last) and not keys.calls(last):
        return None
    for key, value in left.items():
        if _holds_answer(value) or (isinstance(value, str) and _ANSWERS.search(key)):
            return _refused(
                f"the run ends without an answer, and {quotable_name(key)} beside the messages is not read; put the "
                "answer last in the messages"
            )
    return None


_SPEAKERS = ("assistant", "agent", "ai", "AIMessageChunk")


def _speaks(message: dict[str, Any]) -> bool:
    """Whether a message is the model's, by whichever key its format says so."""
    return message.get("role", message.get("source", message.get("type"))) in _SPEAKERS


def _refused(detail: str) -> Rejection:
    return Rejection(reason=RejectReason.UNSUPPORTED_CONTENT, detail=detail)


def _plain(key: str) -> str:
    return key.replace("_", "").replace("-", "").lower()


def _named_calls(key: str, value: Any) -> bool:
    """Whether a key is named after calls or their results and holds some."""
    return _CALLS.search(_plain(key)) is not None and (
        isinstance(value, list | dict) or (isinstance(value, str) and value.lstrip()[:1] in ("{", "["))
    )


def contains_tool_call(value: Any, *, deep: int = 0) -> bool:
    """Whether a value is, or holds, an object that names a tool and its arguments."""
    if deep > _DEEPEST:
        return False
    if isinstance(value, list):
        return any(contains_tool_call(one, deep=deep + 1) for one in value)
    if not isinstance(value, dict):
        return False
    plain = {_plain(key): inner for key, inner in value.items()}
    named = any(isinstance(plain.get(name), str) and plain[name] for name in _NAMES)
    if named and any(isinstance(plain.get(name), dict | str) for name in _ARGUMENTS):
        return True
    return any(contains_tool_call(inner, deep=deep + 1) for inner in value.values())


def _holds_answer(value: Any, *, deep: int = 0) -> bool:
    """Whether a value is, or holds, what an assistant said."""
    if deep > _DEEPEST:
        return False
    if isinstance(value, list):
        return any(_holds_answer(one, deep=deep + 1) for one in value)
    if not isinstance(value, dict):
        return False
    if _speaks(value) or isinstance(value.get("choices"), list):
        return True
    return any(_holds_answer(inner, deep=deep + 1) for inner in value.values())
