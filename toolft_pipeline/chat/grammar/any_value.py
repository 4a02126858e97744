"""Any value and any object, for what no schema says."""

from __future__ import annotations

from toolft_pipeline.chat.grammar.lark_rules import LarkRules, any_of
from toolft_pipeline.chat.grammar.number_rules import ANY_NUMBER
from toolft_pipeline.chat.grammar.value_syntax import ValueSyntax

_WORDS = ('"true"', '"false"', '"null"')


def any_value(rules: LarkRules, syntax: ValueSyntax) -> str:
    """Any value."""

    def scalars(name: str) -> str:
        array = f'"[" ({name} ({syntax.comma} {name})*)? "]"'
        return any_of(
            [any_object(rules, syntax, name), array, syntax.string(0, None), rules.terminal(ANY_NUMBER), *_WORDS]
        )

    return rules.once("any value", rules.recursive(scalars))


def any_object(rules: LarkRules, syntax: ValueSyntax, value: str | None = None) -> str:
    """Any object."""
    member = f"{syntax.free_key(())} {syntax.colon} {value or any_value(rules, syntax)}"
    return rules.rule(f'"{{" ({member} ({syntax.comma} {member})*)? "}}"')
