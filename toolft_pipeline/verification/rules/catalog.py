"""Rule 2: today's catalog accepts every call.

Invariant: in an accepted run each called tool exists today (after renames.yaml), and each call's arguments are one JSON
object that validates against the tool's schema. The catalog at the time of the run plays no part: the model will serve
today's.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence

from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.trajectories.record import Message, ToolCall
from toolft_pipeline.verification.rules.verdict import Fault, Rule, Violation


def check_catalog(messages: Sequence[Message], *, tools: CatalogValidator) -> Violation | None:
    """The first call that today's catalog does not accept, if any."""
    for place, message in enumerate(messages):
        for call in message.tool_calls:
            reason = tools.check(call.name, call.arguments_json)
            if reason is not None:
                where = f"message {place}: " if call.name not in tools.names else f"message {place}: {call.name}: "
                return Violation(rule=Rule.CATALOG, fault=_fault(call, tools.names), reason=where + reason)
    return None


def _fault(call: ToolCall, names: Collection[str]) -> Fault:
    if call.name not in names:
        return Fault.UNKNOWN_TOOL
    try:
        is_object = isinstance(json.loads(call.arguments_json), dict)
    except (ValueError, RecursionError):
        is_object = False
    return Fault.INVALID_ARGUMENTS if is_object else Fault.MALFORMED_ARGUMENTS
