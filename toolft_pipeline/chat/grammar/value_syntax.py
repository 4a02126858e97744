"""How a chat format writes values: JSON, or Gemma 4's own syntax. Each is what the format's template writes.

Invariant: no text of a string may hold a control string, whole or spelled by other tokens: the parser would end a call
there, or the next prompt would differ from what was generated. The templates neutralize them too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from toolft_pipeline.chat.formats.chat_format import neutralized_forms
from toolft_pipeline.chat.grammar.clean_text import clean_text, escaped
from toolft_pipeline.chat.grammar.lark_rules import LarkRules, any_of, literal, spelled

_NOT_RAW = r'"\\\x00-\x1f'
_ESCAPE = (
    r'\\["\\\/bfnrt]'
    r"|\\u([0-9a-cefA-CEF][0-9a-fA-F]{3}|[dD][0-7][0-9a-fA-F]{2})"
    r"|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)
"""An escape of one code point; half of a surrogate pair is no code point."""

_QUOTE = '<|"|>'

_COMPACT = {"x-guidance": {"whitespace_flexible": False}}


class ValueSyntax(Protocol):
    """Expressions of values in a grammar. `comma` and `colon` stand between members, and between key and value."""

    comma: str
    colon: str

    def literal(self, value: Any) -> str:
        """One value, as the template writes it."""

    def key(self, name: str) -> str:
        """A declared key of an object."""

    def free_key(self, declared: Iterable[str]) -> str:
        """Any key but these."""

    def string(self, low: int, high: int | None) -> str:
        """A string with so many characters."""

    def pattern(self, schema: Mapping[str, Any]) -> str | None:
        """A string with `pattern`; None where the pattern cannot be expressed."""


class JsonSyntax(ValueSyntax):
    """JSON with ", " and ": " between, as Python's `json.dumps` writes it."""

    def __init__(self, rules: LarkRules, *, control_strings: tuple[str, ...]) -> None:
        self._rules = rules
        self._control_strings = control_strings
        text = clean_text(control_strings, outside=_NOT_RAW, escape=_ESCAPE)
        self._any = rules.terminal(f'/"{text}"/')
        self.comma, self.colon = literal(", "), literal(": ")

    def literal(self, value: Any) -> str:
        """The value's JSON, control strings escaped."""
        text = json.dumps(value, ensure_ascii=False)
        for control in self._control_strings:
            text = text.replace(control, neutralized_forms(control)[1])
        return literal(text)

    def key(self, name: str) -> str:
        """The key in quotes."""
        return self.literal(name)

    def free_key(self, declared: Iterable[str]) -> str:
        """Any string in quotes; beside declared keys one without escapes, which could spell a declared key."""
        known = [self.literal(name) for name in declared]
        if not known:
            return self._any
        text = clean_text(self._control_strings, outside=_NOT_RAW)
        return self._rules.terminal(f'/"{text}"/ & ~({any_of(known)})')

    def string(self, low: int, high: int | None) -> str:
        """A string in quotes, whose escapes count as one character.

        Twice: without any character that begins a control string, and with. The first says nothing new, but its mask
        takes 35 us a token where an intersection takes 2.5 ms.
        """
        if low == 0 and high is None:
            return self._any
        bounds = _count(low, high)
        counted = self._rules.terminal(f'{self._any} & /"([^{_NOT_RAW}]|{_ESCAPE}){bounds}"/')
        plain = self._rules.terminal(f'/"([^{_NOT_RAW}{_firsts(self._control_strings)}]|{_ESCAPE}){bounds}"/')
        return self._rules.rule(f"{plain} | {counted}")

    def pattern(self, schema: Mapping[str, Any]) -> str | None:
        """llguidance's own expression, which applies the pattern to the text behind the escapes."""
        return json_scalar(self._rules, {"type": "string", **schema})


class Gemma4Syntax(ValueSyntax):
    """Gemma 4's values: bare keys, strings between `<|"|>`, nothing between members but a comma."""

    def __init__(self, rules: LarkRules, *, control_strings: tuple[str, ...], special: Mapping[str, int]) -> None:
        self._rules = rules
        self._firsts = _firsts(control_strings)
        self._special = _QUOTE in special
        self._quote = spelled(_QUOTE, special)
        # the parser keeps the characters 1 and 2 for itself
        self._clean = rules.terminal("/" + clean_text(control_strings, outside=r"\x01\x02") + "/")
        self.comma, self.colon = literal(","), literal(":")

    def literal(self, value: Any) -> str:
        """The value as the template writes it, but for the order of keys."""
        if isinstance(value, str):
            return f"{self._quote} {literal(value)} {self._quote}" if value else f"{self._quote} {self._quote}"
        if isinstance(value, dict):
            members = f" {self.comma} ".join(f"{self.key(k)} {self.colon} {self.literal(v)}" for k, v in value.items())
            return f'"{{" {members} "}}"'
        if isinstance(value, list):
            items = f" {self.comma} ".join(map(self.literal, value))
            return f'"[" {items} "]"'
        return literal(json.dumps(value))

    def key(self, name: str) -> str:
        """A key: bare where the parser reads it so, else delimited like a string."""
        bare = name.replace("_", "a").isalnum() and f"_{name}".isidentifier()
        return literal(name) if bare else self.literal(name)

    def free_key(self, declared: Iterable[str]) -> str:
        """Any word but these keys."""
        known = [literal(name) for name in declared]
        word = "/[A-Za-z0-9_]+/"
        return self._rules.terminal(f"{word} & ~({any_of(known)})" if known else word)

    def string(self, low: int, high: int | None) -> str:
        """A string with so many characters; nothing in it is escaped."""
        count = _count(max(low, 1), high)
        plain = self._rules.terminal(rf"/[^\x01\x02{self._firsts}]{count}/")
        return self._delimited(f"/(?s:.){count}/", empty=low == 0, plain=plain)

    def pattern(self, schema: Mapping[str, Any]) -> str | None:
        """The pattern itself, where it is anchored at both ends."""
        from llguidance import LLMatcher, regex_to_lark

        whole = re.fullmatch(r"\^([^|^$]*)\$", schema["pattern"], re.DOTALL)
        if whole is None or schema.keys() - {"pattern"}:
            return None
        body = f"/{regex_to_lark(whole[1], 'dw')}/"
        if LLMatcher.validate_grammar(f'%llguidance {{}}\nstart: "x" {body}'):
            return None
        return self._delimited(body, empty=False)

    def _delimited(self, body: str, *, empty: bool, plain: str | None = None) -> str:
        text = self._rules.terminal(f"{self._clean} & {body}")
        either = text if plain is None else f"({plain} | {text})"
        whole = f"{self._quote} {either}{'?' if empty else ''} {self._quote}"
        # where the delimiter is plain text it is part of the lexeme, else the text before would eat it
        return self._rules.rule(whole) if self._special else self._rules.terminal(whole)


def json_scalar(rules: LarkRules, schema: Mapping[str, Any]) -> str | None:
    """A string or number by llguidance's own reading of its schema; None where it cannot be expressed."""
    from llguidance import LLMatcher

    body = "%json " + json.dumps({**schema, **_COMPACT})
    return None if LLMatcher.validate_grammar(f"%llguidance {{}}\nstart: {body}") else rules.rule(body)


def _firsts(control_strings: Iterable[str]) -> str:
    """The first characters of control strings, as the inside of a character class."""
    return "".join(map(escaped, sorted({text[0] for text in control_strings})))


def _count(low: int, high: int | None) -> str:
    return f"{{{low},{'' if high is None else high}}}"
