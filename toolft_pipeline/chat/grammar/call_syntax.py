"""How each chat format writes the calls of a turn, in the very characters of its template."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class CallSyntax:
    """One call is `opens`, the tool's name, `names_end`, the arguments and `closes`; `between` stands between two."""

    opens: str
    """Begins with the format's `call_marker`."""
    names_end: str
    closes: str
    between: str
    json_values: bool = True
    """Whether name and arguments are JSON."""
    reasoning: tuple[str, str] | None = None
    """What opens and closes the reasoning before an answer."""


def _hermes(*, within: str, reasoning: tuple[str, str] | None = None) -> CallSyntax:
    return CallSyntax(
        opens=f'<tool_call>{within}{{"name": ',
        names_end=', "arguments": ',
        closes=f"}}{within}</tool_call>",
        between="\n",
        reasoning=reasoning,
    )


CALL_SYNTAX: Mapping[str, CallSyntax] = {
    "gemma3": _hermes(within=""),
    "chatml": _hermes(within="\n"),
    "qwen3": _hermes(within="\n", reasoning=("<think>", "</think>")),
    "llama3": CallSyntax(opens='{"name": ', names_end=', "parameters": ', closes="}", between="; "),
    "gemma4": CallSyntax(
        opens="<|tool_call>call:",
        names_end="",
        closes="<tool_call|>",
        between="",
        json_values=False,
        reasoning=("<|channel>thought\n", "<channel|>"),
    ),
}
"""By the format's name."""
