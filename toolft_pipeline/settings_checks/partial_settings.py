"""Settings from the valid part of an agent file with errors, so that its other errors are reported together."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from toolft_pipeline.settings import AgentSettings

_PLACEHOLDERS: Mapping[str, Any] = {
    "name": "agent",
    "first_day": "2026-01-01",
    "catalog": {"file": "catalog.json"},
    "base_model": {"folder": "model"},
    "sandbox": {"command": ["python"]},
}
"""Placeholders for required settings, so that the rest can be validated; problems with them are not reported."""

_ROUNDS = 5
"""Validations at most: without one error, pydantic may report another."""


def settings_without_errors(
    given: Mapping[str, Any], error: ValidationError
) -> tuple[AgentSettings | None, frozenset[str]]:
    """The settings without the keys that an error names, and those dotted keys; None where they stay invalid."""
    document = copy.deepcopy(dict(given))
    left_out = set[str]()
    for _ in range(_ROUNDS):
        for each in error.errors():
            loc = each["loc"][:-1] if each["type"] == "missing" and len(each["loc"]) > 1 else each["loc"]
            if not loc:
                return None, frozenset(left_out)
            left_out.add(_leave_out(document, loc))
        try:
            return AgentSettings.model_validate(document), frozenset(left_out)
        except ValidationError as again:
            error = again
    return None, frozenset(left_out)


def _leave_out(document: dict[Any, Any], loc: tuple[int | str, ...]) -> str:
    """Remove the deepest existing key of a location from the document; returns that key, dotted."""
    top = loc[0]
    if top in _PLACEHOLDERS and (len(loc) == 1 or not _is_section(document.get(top), loc[1])):
        document[top] = copy.deepcopy(_PLACEHOLDERS[str(top)])
        return str(top)
    section, key = document, [top]
    while len(key) < len(loc) and _is_section(section.get(key[-1]), loc[len(key)]):
        section = section[key[-1]]
        key.append(loc[len(key)])
    section.pop(key[-1], None)
    return ".".join(str(part) for part in key)


def _is_section(value: object, name: int | str) -> bool:
    return isinstance(value, dict) and name in value
