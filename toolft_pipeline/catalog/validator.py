"""Validate calls against a catalog.

Invariant: a call is valid only if a backend with this catalog understands every argument in it. A parameter that the
schema does not declare is therefore refused even if JSON Schema allows it: servers ignore it silently, and a model
trained on it learns to write what nobody reads. A schema can allow free keys by `additionalProperties`.
"""

from __future__ import annotations

import json
from typing import Any

import jsonschema_rs

from toolft_pipeline.catalog.tool import Catalog, CatalogError

_MAX_REASON = 200
"""Maximum characters of a reason."""


class CatalogValidator:
    """Compiled schemas of a catalog; about 200k checks a second on one core.

    Raises `CatalogError` if a tool's parameters are not JSON Schema. Never fetches a schema from a URL.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._validators = {tool.name: _compile(tool.name, tool.parameters) for tool in catalog.tools}
        self.names = frozenset(self._validators)
        self.schemas = {tool.name: tool.parameters for tool in catalog.tools}
        self.descriptions = {tool.name: tool.description for tool in catalog.tools}
        self.reads = catalog.reads

    def check(self, name: str, arguments_json: str) -> str | None:
        """Return None for a valid call, else one short reason, which quotes no argument's value."""
        validator = self._validators.get(name)
        if validator is None:
            return f"unknown tool {name!r}"
        try:
            errors = validator.iter_errors(_arguments(arguments_json))
        except ValueError as error:
            return f"arguments are {error}"
        first = next(errors, None)
        if first is None:
            return None
        path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first.instance_path)
        others = sum(1 for _ in errors)
        reason = f"arguments{path}: {first.message}"
        reason = reason if len(reason) <= _MAX_REASON else reason[: _MAX_REASON - 3] + "..."
        return reason + (f" (and {others} more)" if others else "")


def closed(schema: dict[str, Any]) -> dict[str, Any]:
    """Close a schema: every object with `properties` and without a rule for other keys accepts no other keys.

    A schema with `allOf` is returned unchanged, because only its parts together declare all properties.
    """
    if "allOf" in json.dumps(schema):
        return schema
    closed_schema: dict[str, Any] = _closed(schema)
    return closed_schema


_OPENERS = frozenset({"additionalProperties", "unevaluatedProperties", "patternProperties", "$ref", "anyOf", "oneOf"})


def _closed(schema: Any) -> Any:
    if not isinstance(schema, dict):
        return schema
    result = dict(schema)
    for key in ("properties", "$defs", "definitions"):
        if isinstance(result.get(key), dict):
            result[key] = {name: _closed(inner) for name, inner in result[key].items()}
    for key in ("items", "additionalProperties"):
        if key in result:
            result[key] = _closed(result[key])
    for key in ("anyOf", "oneOf", "prefixItems"):
        if isinstance(result.get(key), list):
            result[key] = [_closed(inner) for inner in result[key]]
    if "properties" in result and not _OPENERS & result.keys():
        result["additionalProperties"] = False
    return result


def _compile(name: str, schema: dict[str, Any]) -> jsonschema_rs.Validator:
    try:
        return jsonschema_rs.validator_for(closed(schema), mask="the value", offline=True)
    except jsonschema_rs.ValidationError as error:
        path = "/".join(str(part) for part in error.instance_path)
        problem = f"{path}: {json.dumps(error.instance)[:60]} is not allowed" if path else error.message
        raise CatalogError(f"tool {name!r}: its parameters are not JSON Schema ({problem}); fix the schema") from error


def _arguments(text: str) -> dict[str, Any]:
    """Parse an arguments object. Raises `ValueError`, whose message completes "arguments are ..."."""
    try:
        arguments = _DECODER.decode(text)
    except RecursionError as error:
        raise ValueError("not JSON: nested too deep") from error
    except ValueError as error:
        raise ValueError(f"not JSON: {error}") from error
    if not isinstance(arguments, dict):
        raise ValueError(f"not a JSON object but {type(arguments).__name__}")
    if "\\u" in text:  # an escape can encode a lone surrogate, which cannot be sent
        try:
            json.dumps(arguments, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError as error:
            raise ValueError("not text: a lone half of a surrogate pair") from error
    return arguments


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"key {twice!r} is twice in one object")
    return result


def _refuse_constant(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_refuse_constant)
