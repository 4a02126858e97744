"""Numbers within bounds, as Python's `json.dumps` writes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from toolft_pipeline.chat.grammar.lark_rules import LarkRules, any_of
from toolft_pipeline.chat.grammar.value_syntax import json_scalar

NUMBER_KEYS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")

ANY_NUMBER = (
    r"/-?(0|[1-9][0-9]{0,200})(\.[0-9]+)?|-?[0-9]{1,3}(\.[0-9]+)?[eE][+-]?[0-9]{1,2}"
    r"|-?[1-9](\.[0-9]+)?[eE][+-]?[12][0-9]{2}/"
)
"""A number that fits a float: 1e999 is infinite to Python's parser, and infinity is not JSON."""


def number_rule(rules: LarkRules, kind: str, bounds: Mapping[str, Any]) -> str | None:
    """A `number` or `integer` within bounds (`NUMBER_KEYS`); None where llguidance cannot express them."""
    if kind == "number" and not bounds:
        return rules.terminal(ANY_NUMBER)
    expressed = json_scalar(rules, {"type": kind, **bounds})
    if expressed is None:
        return None
    if kind == "integer":  # 2.0 is an integer to JSON Schema, and the template writes what was logged
        return rules.rule(f'{expressed} ".0"?')
    return rules.rule(any_of([expressed, *_small_numbers(rules, bounds)]))


def _small_numbers(rules: LarkRules, bounds: Mapping[str, Any]) -> Iterator[str]:
    """Numbers next to 0, which Python writes with an exponent and llguidance's bounded numbers lack."""
    if "multipleOf" in bounds:
        return
    low = max((bounds[key] for key in ("minimum", "exclusiveMinimum") if key in bounds), default=-1)
    high = min((bounds[key] for key in ("maximum", "exclusiveMaximum") if key in bounds), default=1)
    tiny = r"[1-9](\.[0-9]+)?e-(0[5-9]|[1-9][0-9]{1,2})"
    if low <= 0 and high >= 1e-4:
        yield rules.terminal(f"/{tiny}/")
    if low <= -1e-4 and high >= 0:
        yield rules.terminal(f"/-{tiny}/")
