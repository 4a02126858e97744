"""Count the keys that a reader does not read, and refuse runs that need one.

Invariant: no key that can change the meaning of a turn is dropped silently. A key is read, or known to be harmless, or
counted by name. If it holds tool calls, the only content of a message, or the missing answer, the run is refused.
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
"""Keys that requests, loggers and evaluations add to a run: parameters, ids, times and prices."""

HARMLESS_MESSAGE_KEYS = frozenset(
    {
        *("id", "name", "annotations", "timestamp", "created_at", "createdAt", "cache_control", "model"),
        *("usage", "finish_reason", "stop_reason", "stop_sequence", "logprobs", "index", "cost", "metadata"),
    }
)

HARMLESS_PART_KEYS = frozenset(
    {"annotations", "cache_control", "citations", "signature", "index", "logprobs", "id", "extras", "detail", "caller"}
)

HARMLESS_CALL_KEYS = frozenset({"type", "index", "description", "strict", "parsed_arguments"})

MAX_NAMES = 100
"""Distinct names with a count of their own; further ones are counted together."""

OTHERS = "other keys"

_CALLS = re.compile(r"(tool|function)(call|use|invocation|request|result|response|output)s?$")
_NAMES = frozenset({"name", "toolname", "tool", "function", "functionname", "recipientname"})
_ARGUMENTS = frozenset(
    {"arguments", "args", "input", "toolinput", "actioninput", "toolargs", "toolarguments", "kwargs"}
)
_ANSWERS = re.compile(r"(answer|reply|response|output|completion|generation|prediction|assistant)", re.IGNORECASE)
_MAX_DEPTH = 6


def struct_keys(*structs: type[Struct]) -> frozenset[str]:
    """Return the keys that structs read from JSON."""
    return frozenset(field.encode_name for struct in structs for field in fields(struct))


@dataclass(frozen=True, kw_only=True)
class FormatKeys:
    """The keys that a reader reads or may skip, by level.

    The functions find messages, content parts and calls in a decoded line.
    """

    run: frozenset[str]
    message: frozenset[str]
    part: frozenset[str]
    call: frozenset[str]
    messages: Callable[[Any], list[dict[str, Any]]]
    parts: Callable[[dict[str, Any]], list[dict[str, Any]]]
    calls: Callable[[dict[str, Any]], list[dict[str, Any]]]
    content: str = "content"


def count_keys_not_read(row: Any, keys: FormatKeys) -> Counter[str] | Rejection:
    """Count the keys of a decoded line that are not read.

    The names are `level.key`; empty values do not count. Returns a rejection if one of them changes the meaning of the
    run.
    """
    counts: Counter[str] = Counter()
    calls = 0
    messages = keys.messages(row)
    for place, message in enumerate(messages):
        here = keys.calls(message)
        calls += len(here)
        not_read = _not_read(message, keys.message)
        refused = None if here else _check_message(place, message, not_read, keys)
        if refused is not None:
            return refused
        _count(counts, "message", not_read)
        for part in keys.parts(message):
            _count(counts, "part", _not_read(part, keys.part))
        for call in here:
            inner = call.get("function")
            for one in (call, inner) if isinstance(inner, dict) else (call,):
                _count(counts, "call", _not_read(one, keys.call))
    if isinstance(row, dict):
        not_read = _not_read(row, keys.run)
        refused = _check_run(not_read, calls=calls, last=messages[-1] if messages else {}, keys=keys)
        if refused is not None:
            return refused
        _count(counts, "run", not_read)
    return counts


def add_counts(total: Counter[str], more: Mapping[str, int]) -> None:
    """Add counts to a total with a bounded number of names."""
    for name, count in more.items():
        total[name if name in total or len(total) < MAX_NAMES else OTHERS] += count


def describe_keys_not_read(counts: Mapping[str, int]) -> list[str]:
    """Format the counts for people, one line for each level."""
    lines = []
    for level in ("run", "message", "part", "call"):
        own = {name.removeprefix(f"{level}."): count for name, count in counts.items() if name.startswith(f"{level}.")}
        if own:
            listed = sorted(own.items(), key=lambda item: (-item[1], item[0]))
            lines.append(f"{level} keys not read: " + ", ".join(f"{name} ({count})" for name, count in listed))
    if OTHERS in counts:
        lines.append(f"{OTHERS} not read: {counts[OTHERS]}")
    return lines


def _not_read(given: dict[str, Any], known: frozenset[str]) -> dict[str, Any]:
    """The entries whose key is unknown and whose value is not empty."""
    return {key: value for key, value in given.items() if key not in known and _not_empty(value)}


def _not_empty(value: Any) -> bool:
    return value is not None and value is not False and value not in ("", [], {})


def _count(counts: Counter[str], level: str, keys: Iterable[str]) -> None:
    for key in keys:
        counts[f"{level}.{quotable_name(key).strip('`')}"] += 1


def _check_message(place: int, message: dict[str, Any], not_read: dict[str, Any], keys: FormatKeys) -> Rejection | None:
    """Reject a message without calls if a key not read holds calls or content."""
    containers = {key: value for key, value in message.items() if key in HARMLESS_MESSAGE_KEYS}
    for key, value in (not_read | containers).items():
        if (key in not_read and _is_named_like_calls(key, value)) or contains_tool_call(value):
            return _reject(
                f"message {place} has tool calls or results under the key {quotable_name(key)}, which is not read; log "
                "calls as tool_calls and each result as a message of its own"
            )
    if message.get(keys.content) is None and keys.content not in not_read:
        candidates = [key for key, value in not_read.items() if isinstance(value, str | list | dict)]
        if candidates:
            return _reject(
                f"message {place} has no {keys.content}, and its key {quotable_name(candidates[0])} is not read; log "
                f"the text under {keys.content}"
            )
    return None


def _check_run(not_read: dict[str, Any], *, calls: int, last: dict[str, Any], keys: FormatKeys) -> Rejection | None:
    """Reject a run if a key not read holds its only calls or its missing answer."""
    if not calls:
        for key, value in not_read.items():
            if _is_named_like_calls(key, value) or contains_tool_call(value):
                return _reject(
                    f"the run's only tool calls are under the key {quotable_name(key)} next to the messages, which is "
                    "not read; log them as tool_calls of the messages that made them"
                )
    if _is_assistant(last) and not keys.calls(last):
        return None
    for key, value in not_read.items():
        if _holds_answer(value) or (isinstance(value, str) and _ANSWERS.search(key)):
            return _reject(
                f"the run ends without an answer, and the key {quotable_name(key)} next to the messages is not read; "
                "log the answer as the last message"
            )
    return None


_ASSISTANT_ROLES = ("assistant", "agent", "ai", "AIMessageChunk")


def _is_assistant(message: dict[str, Any]) -> bool:
    """Whether a message is the model's, by the key that its format uses for roles."""
    return message.get("role", message.get("source", message.get("type"))) in _ASSISTANT_ROLES


def _reject(detail: str) -> Rejection:
    return Rejection(reason=RejectReason.UNSUPPORTED_CONTENT, detail=detail)


def _normalized(key: str) -> str:
    return key.replace("_", "").replace("-", "").lower()


def _is_named_like_calls(key: str, value: Any) -> bool:
    """Whether a key is named like calls or results, and its value looks like them."""
    return _CALLS.search(_normalized(key)) is not None and (
        isinstance(value, list | dict) or (isinstance(value, str) and value.lstrip()[:1] in ("{", "["))
    )


def contains_tool_call(value: Any, *, depth: int = 0) -> bool:
    """Whether a value contains an object with a tool's name and arguments."""
    if depth > _MAX_DEPTH:
        return False
    if isinstance(value, list):
        return any(contains_tool_call(one, depth=depth + 1) for one in value)
    if not isinstance(value, dict):
        return False
    plain = {_normalized(key): inner for key, inner in value.items()}
    named = any(isinstance(plain.get(name), str) and plain[name] for name in _NAMES)
    if named and any(isinstance(plain.get(name), dict | str) for name in _ARGUMENTS):
        return True
    return any(contains_tool_call(inner, depth=depth + 1) for inner in value.values())


def _holds_answer(value: Any, *, depth: int = 0) -> bool:
    """Whether a value contains a message of an assistant."""
    if depth > _MAX_DEPTH:
        return False
    if isinstance(value, list):
        return any(_holds_answer(one, depth=depth + 1) for one in value)
    if not isinstance(value, dict):
        return False
    if _is_assistant(value) or isinstance(value.get("choices"), list):
        return True
    return any(_holds_answer(inner, depth=depth + 1) for inner in value.values())
