"""Rule 2: every call is one that today's catalog accepts.

Invariant: in an accepted run each called tool exists today (renames.yaml was applied before), and each call's
arguments parse as one JSON object and validate against the tool's schema. What the catalog was when the run happened
plays no part: the model will serve today's.
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
