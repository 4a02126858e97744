"""The part of a wrong agent file that can be read, so that its other errors are found in the same look."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from toolft_pipeline.settings import AgentSettings

_STAND_INS: Mapping[str, Any] = {
    "name": "agent",
    "first_day": "2026-01-01",
    "catalog": {"file": "catalog.json"},
    "base_model": {"folder": "model"},
    "sandbox": {"command": ["python"]},
}
"""Harmless values for what has no default, so that the rest can be read; nothing is reported of them."""

_ROUNDS = 5


def settings_without_errors(
    given: Mapping[str, Any], error: ValidationError
) -> tuple[AgentSettings | None, frozenset[str]]:
    """The settings without what an error names, and the dotted keys that were left out; None where nothing helps."""
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
    """Take the deepest key of a place out of the document; returns that key, dotted."""
    top = loc[0]
    if top in _STAND_INS and (len(loc) == 1 or not _is_section(document.get(top), loc[1])):
        document[top] = copy.deepcopy(_STAND_INS[str(top)])
        return str(top)
    place, key = document, [top]
    while len(key) < len(loc) and _is_section(place.get(key[-1]), loc[len(key)]):
        place = place[key[-1]]
        key.append(loc[len(key)])
    place.pop(key[-1], None)
    return ".".join(str(part) for part in key)


def _is_section(value: object, name: int | str) -> bool:
    return isinstance(value, dict) and name in value
