"""Pydantic's errors in terms of an agent file: dotted key, value, what is expected, closest valid name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.settings_checks.problem import Problem, did_you_mean, quoted

_SECRET = re.compile(r"^alerts\b|\b(env|request|command)\b|password|secret|(_from|token|key)$")
"""Keys whose values are not quoted, because they may hold secrets."""

_SET_BY_FOLDER = frozenset({"name", "folder"})
"""Fields that no key sets: they come from the file's location."""

_REPLACED = {"training.quantization": "is now training.method: write qlora for nf4, lora for none"}
"""Keys that other keys have replaced."""

_CONTAINERS = frozenset({"model_type", "dict_type", "mapping_type"})


def schema_problems(error: ValidationError) -> Iterator[Problem]:
    """The errors of a validation as problems."""
    for each in error.errors():
        yield Problem(key=dotted(each["loc"]), message=_message(each))


def dotted(loc: tuple[int | str, ...]) -> str:
    """A location in the document as a dotted key."""
    return ".".join(str(part) for part in loc if part != "[key]") or "(top level)"


def _message(error: ErrorDetails) -> str:
    kind, loc, value = error["type"], error["loc"], error["input"]
    if kind == "extra_forbidden":
        return _REPLACED.get(dotted(loc)) or f"unknown key; remove it or fix its spelling{_known_key(loc)}"
    if kind == "missing":
        return "is missing; add it"
    if loc == ("name",):
        return (
            f"the folder's name is the agent's name, and {quoted(value)} is not valid; rename the folder to lower-case "
            "letters, digits and _, beginning with a letter"
        )
    if kind in _CONTAINERS:
        actual = "nothing" if value is None else quoted(value)
        return f"expected keys below it, got {actual}; remove the line or add keys below it"
    message = error["msg"].removeprefix("Value error, ")
    if kind == "value_error":
        return message
    if not _SECRET.search(dotted(loc)):
        message += f", got {quoted(value)}"
    if kind in {"literal_error", "enum"}:
        message += did_you_mean(value, re.findall(r"'([^']*)'", str(error.get("ctx", {}).get("expected", ""))))
    return message


def _known_key(loc: tuple[int | str, ...]) -> str:
    """A hint for an unknown key: a similar one of its section, or the same name in another section."""
    *section, name = loc
    near = did_you_mean(name, _fields(tuple(section)))
    if near:
        return near
    elsewhere = [key for key in _all_keys(AgentSettings) if key.rsplit(".", 1)[-1] == name]
    return f"; did you mean {' or '.join(elsewhere)}?" if elsewhere else ""


def _fields(section: tuple[int | str, ...]) -> set[str]:
    model: type[BaseModel] | None = AgentSettings
    parts = list(section)
    while parts and model is not None:
        field = model.model_fields.get(str(parts.pop(0)))
        annotation = None if field is None else field.annotation
        model = _model_of(annotation)
        if model is not None and _is_mapping(annotation):
            parts = parts[1:]
    return set() if model is None else model.model_fields.keys() - (_SET_BY_FOLDER if not section else set())


def _all_keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        if not prefix and name in _SET_BY_FOLDER:
            continue
        inner = None if _is_mapping(field.annotation) else _model_of(field.annotation)
        if inner is None:
            yield f"{prefix}{name}"
        else:
            yield from _all_keys(inner, f"{prefix}{name}.")


def _model_of(annotation: Any) -> type[BaseModel] | None:
    """The section in an annotation: itself, in an optional, or as a mapping's value."""
    for each in (annotation, *get_args(annotation)):
        if isinstance(each, type) and issubclass(each, BaseModel):
            return each
    return None


def _is_mapping(annotation: Any) -> bool:
    origin = getattr(annotation, "__origin__", None)
    return isinstance(origin, type) and issubclass(origin, Mapping)
