"""Objects with keys in any order, each at most once, by a rule whose parameter has a bit for every key.

Invariant: a key comes once, and the object closes only when all required ones are there. The parameter is llguidance's
(64 bits, expanded while parsing), so n keys cost n rules and not n! orders.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from toolft_pipeline.chat.grammar.lark_rules import LarkRules, any_of
from toolft_pipeline.chat.grammar.value_syntax import ValueSyntax

MAX_KEYS = 64
"""Bits of a rule's parameter."""


@dataclass(frozen=True, kw_only=True)
class ObjectKeys:
    """An object's declared keys with the expressions of their values, and that of any other key's value, if allowed."""

    members: Mapping[str, str]
    required: Collection[str]
    free: str | None
    declared: Sequence[str]


def object_rule(rules: LarkRules, syntax: ValueSyntax, keys: ObjectKeys) -> str:
    """The name of the object's rule."""
    members = [f"{syntax.key(name)} {syntax.colon} {value}" for name, value in keys.members.items()]
    free = None if keys.free is None else f"{syntax.free_key(keys.declared)} {syntax.colon} {keys.free}"
    required = [at for at, name in enumerate(keys.members) if name in keys.required]
    shape = f"object {members} {free} {required}"
    return rules.once(shape, lambda: _object(rules, syntax.comma, members, free, required))


def _object(rules: LarkRules, comma: str, members: list[str], free: str | None, required: list[int]) -> str:
    if not members:
        return rules.rule('"{" "}"' if free is None else f'"{{" ({free} ({comma} {free})*)? "}}"')
    later = rules.reserve()
    closing = f'"}}" %if {_all_set(required)}'
    following = [f"{comma} {each} {later}::set_bit({at}) %if bit_clear({at})" for at, each in enumerate(members)]
    opening = [f"{each} {later}::set_bit({at})" for at, each in enumerate(members)]
    if free is not None:
        following.append(f"{comma} {free} {later}::_")
        opening.append(f"{free} {later}::_")
    rules.define(f"{later}::_", any_of([closing, *following]))
    first = rules.reserve()
    rules.define(f"{first}::_", any_of([closing, *opening]))
    return rules.rule(f'"{{" {first}::0x0')


def _all_set(bits: list[int]) -> str:
    if not bits:
        return "true"
    condition = f"bit_set({bits[0]})"
    for bit in bits[1:]:
        condition = f"and({condition}, bit_set({bit}))"
    return condition
