"""The rules of a grammar in llguidance's Lark, collected one by one.

Invariant: equal bodies are one rule, so a schema that many tools share is compiled once. Rules are lower case (parsed),
terminals upper case (one lexeme); a grammar that grows beyond `MAX_RULES` is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping

MAX_RULES = 20_000
"""Rules and terminals of one grammar: 44 tools of the help desk have 300."""


class GrammarError(ValueError):
    """No grammar can be made; the message names the cause."""


class LarkRules:
    """Named rules and terminals; `text` is the grammar."""

    def __init__(self) -> None:
        self._by_body: dict[str, str] = {}
        self._made: dict[str, str] = {}
        self._lines: list[str] = []

    def rule(self, body: str) -> str:
        """The name of a rule with this body."""
        return self._named(body, "r")

    def terminal(self, body: str) -> str:
        """The name of a terminal with this body."""
        return self._named(body, "T")

    def reserve(self) -> str:
        """The name of a rule whose body comes later (`define`): it may refer to itself."""
        self._by_body[f"reserved {len(self._by_body)}"] = name = self._new_name("r")
        return name

    def define(self, head: str, body: str) -> None:
        """Add a rule under a name that is used already; a head may have a parameter (`r3::_`)."""
        self._lines.append(f"{head}: {body}")

    def once(self, key: str, make: Callable[[], str]) -> str:
        """The name that `make` returned for this key the first time."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    def recursive(self, body: Callable[[str], str]) -> Callable[[], str]:
        """A maker, for `once`, of a rule whose body is made of its own name."""

        def make() -> str:
            name = self.reserve()
            self.define(name, body(name))
            return name

        return make

    @property
    def text(self) -> str:
        """The grammar; its first rule is `start`."""
        return "\n".join(["%llguidance {}", *self._lines]) + "\n"

    def _named(self, body: str, kind: str) -> str:
        key = f"{kind} {body}"
        if key not in self._by_body:
            self._by_body[key] = self._new_name(kind)
            self.define(self._by_body[key], body)
        return self._by_body[key]

    def _new_name(self, kind: str) -> str:
        if len(self._by_body) >= MAX_RULES:
            raise GrammarError(f"the tools' schemas need more than {MAX_RULES:,} rules")
        return f"{kind}{len(self._by_body)}"


def literal(text: str) -> str:
    """A text as a Lark string; its reader knows JSON's escapes but refuses a raw DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\x7f")


def any_of(alternatives: Iterable[str]) -> str:
    """One of these expressions."""
    return " | ".join(alternatives)


def spelled(text: str, special: Mapping[str, int]) -> str:
    """A text as symbols: its special tokens by id, as no text can stand for them, and what is between as strings."""
    present = [token for token in special if token in text]
    if not present:
        return literal(text)
    longest_first = "|".join(re.escape(token) for token in sorted(present, key=len, reverse=True))
    parts = re.split(f"({longest_first})", text)
    return " ".join(f"<[{special[part]}]>" if part in special else literal(part) for part in parts if part)
