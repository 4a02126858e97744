"""Rule 2: every call is one that today's catalog accepts.

Invariant: in an accepted run each called tool exists today (after renames.yaml), and each call's arguments parse as
one JSON object and validate against the tool's schema. What the catalog was when the run happened plays no part: the
model will serve today's.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence

import msgspec

from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.trajectories.record import Message, ToolCall, Trajectory
from toolft_pipeline.verification.verdict import Fault, Finding, Rule


def rename_tools(trajectory: Trajectory, *, renames: Mapping[str, str]) -> Trajectory:
    """The run with tools under today's names; the same object where none was renamed."""
    if not any(call.name in renames for message in trajectory.messages for call in message.tool_calls):
        return trajectory
    messages = tuple(_renamed(message, renames) for message in trajectory.messages)
    return msgspec.structs.replace(trajectory, messages=messages)


def check_catalog(
    messages: Sequence[Message], *, validator: CatalogValidator, names: Collection[str]
) -> Finding | None:
    """The first call that today's catalog does not accept, if any; `names` are the tools of that catalog."""
    for place, message in enumerate(messages):
        for call in message.tool_calls:
            reason = validator.check(call.name, call.arguments_json)
            if reason is not None:
                where = f"message {place}: " if call.name not in names else f"message {place}: {call.name}: "
                return Finding(rule=Rule.CATALOG, fault=_fault(call, names), reason=where + reason)
    return None


def _fault(call: ToolCall, names: Collection[str]) -> Fault:
    if call.name not in names:
        return Fault.UNKNOWN_TOOL
    try:
        is_object = isinstance(json.loads(call.arguments_json), dict)
    except (ValueError, RecursionError):
        is_object = False
    return Fault.INVALID_ARGUMENTS if is_object else Fault.MALFORMED_ARGUMENTS


def _renamed(message: Message, renames: Mapping[str, str]) -> Message:
    calls = tuple(msgspec.structs.replace(c, name=renames.get(c.name, c.name)) for c in message.tool_calls)
    name = message.name if message.name is None else renames.get(message.name, message.name)
    return msgspec.structs.replace(message, tool_calls=calls, name=name)
