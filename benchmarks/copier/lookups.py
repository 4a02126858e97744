"""Calls that find a value of one kind by a value of another: an id by a mail address, say.

Invariant: learned from the logs alone: a call with one argument whose result holds one value of the other kind.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from benchmarks.copier.entities import VALUE, Lexer
from benchmarks.copier.runs import Run


class Lookups:
    """The lookups that a set of runs shows."""

    def __init__(self, runs: Sequence[Run], lexer: Lexer) -> None:
        self._lexer = lexer
        self._found: dict[tuple[str, str], Counter[tuple[str, str]]] = defaultdict(Counter)
        for run in runs:
            for call in (call for turn in run.turns for step in turn.steps for call in step):
                if call.is_error or len(call.arguments) != 1 or not isinstance(call.result, dict):
                    continue
                ((name, value),) = call.arguments.items()
                given = self.kind(value)
                for kind in {self.kind(each) for each in call.result.values() if each != value} - {None, given}:
                    if given is not None and kind is not None:
                        self._found[given, kind][call.name, name] += 1
        self._tools = {tool for counts in self._found.values() for tool, _ in counts}

    def has(self, tool: str) -> bool:
        """Whether a tool is a lookup."""
        return tool in self._tools

    def kind(self, value: Any) -> str | None:
        """The kind of a value that is one by its shape."""
        tokens = self._lexer.tokens(value) if isinstance(value, str) else ()
        shaped = len(tokens) == 1 and tokens[0].is_value and tokens[0].kind not in (VALUE, "<number>")
        return tokens[0].kind if shaped else None

    def call_for(self, value: str, said: str) -> tuple[str, dict[str, Any]] | None:
        """The call that finds a value of this one's kind by something that the user says."""
        wanted = self.kind(value)
        for token in self._lexer.tokens(said):
            counts = self._found.get((token.kind, wanted)) if wanted is not None and token.kind != wanted else None
            if counts:
                (tool, name), _ = counts.most_common(1)[0]
                return tool, {name: token.text}
        return None
