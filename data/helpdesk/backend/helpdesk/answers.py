"""How the desk's agent answers: briefly, and always in the same way.

Invariant: an answer follows from the last calls and their results alone. What is worth learning on this desk is what
to call; an answer of its own for every family would cost more training than all calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from helpdesk.family import Call, Result
from helpdesk.registry import TOOLS

MAKES = {
    "add_customer": "customer",
    "place_order": "order",
    "open_return": "return",
    "open_ticket": "ticket",
    "reserve_stock": "reservation",
    "create_invoice": "invoice",
}
"""Tools that make something, and where its number stands in the result."""


def answer_to(calls: Sequence[Call], results: Sequence[Result]) -> str:
    """A refusal is passed on, what was read is stated, what was made is named, everything else is done.

    Several things that were read stand in the results already: they are not stated again.
    """
    refused = [result.text.partition(";")[0] for result in results if result.is_error]
    if refused:
        return f"Sorry, {refused[0]}."
    if all(TOOLS[call.name].reads for call in calls):
        return f"{_in_words(results[0].data)}." if len(results) == 1 else "Here you are."
    made = [result.data[MAKES[c.name]] for c, result in zip(calls, results, strict=True) if c.name in MAKES]
    return f"Done: {', '.join(made)}." if made else "Done."


def _in_words(data: dict[str, Any]) -> str:
    """Values in their order; numbers by name (a warehouse and its stock), nested records left out."""
    if not data:
        return "none"
    parts = []
    for name, value in data.items():
        if isinstance(value, list):
            parts += [one for one in value if isinstance(one, str)] or ([] if value else ["none"])
        elif isinstance(value, int):
            parts.append(f"{name} {value}")
        else:
            parts.append(str(value))
    return ", ".join(parts)
