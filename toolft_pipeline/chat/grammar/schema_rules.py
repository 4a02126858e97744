"""JSON Schema as rules of a grammar: the values that a tool's arguments may have.

Invariant: no valid value is forbidden. Keys of an object come in any order, because training teaches the logs' order; a
keyword that cannot be expressed is left out, which allows more, and named in `loosened` with its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import jsonschema_rs

from toolft_pipeline.chat.grammar.any_value import any_object, any_value
from toolft_pipeline.chat.grammar.lark_rules import LarkRules, any_of
from toolft_pipeline.chat.grammar.number_rules import NUMBER_KEYS, number_rule
from toolft_pipeline.chat.grammar.object_rules import MAX_KEYS, ObjectKeys, object_rule
from toolft_pipeline.chat.grammar.value_syntax import ValueSyntax

MAX_DEPTH = 40
"""Nested schemas without a `$ref` between them; deeper ones are any value."""

MAX_CHOICES = 2_000
"""Values of an `enum`."""

MAX_COUNT = 10_000
"""Largest bound of a length that is enforced: a lexer counts each character."""

TYPES = ("object", "array", "string", "number", "integer", "boolean", "null")

_OUTSIDE = frozenset(
    [
        "not",
        "if",
        "dependentRequired",
        "dependentSchemas",
        "dependencies",
        "patternProperties",
        "propertyNames",
        "minProperties",
        "maxProperties",
        "unevaluatedProperties",
        "unevaluatedItems",
        "contains",
        "uniqueItems",
        "$dynamicRef",
        "$recursiveRef",
    ]
)
"""Keywords that constrain a value and are not expressed."""

_COMBINED = ("allOf", "anyOf", "oneOf")

_ANNOTATIONS = frozenset(
    [
        "title",
        "description",
        "default",
        "examples",
        "deprecated",
        "readOnly",
        "writeOnly",
        "format",
        "nullable",
        "contentMediaType",
        "discriminator",
        "$schema",
        "$id",
        "$comment",
        "$defs",
        "definitions",
        "$anchor",
    ]
)


class SchemaRules:
    """The rules of one tool's arguments; `loosened` names what is not enforced."""

    def __init__(self, rules: LarkRules, syntax: ValueSyntax, *, tool: str, schema: Mapping[str, Any]) -> None:
        self._rules = rules
        self._syntax = syntax
        self._tool = tool
        self._root = schema
        self._references: dict[str, str] = {}
        self._open: list[str] = []
        self.loosened: dict[str, None] = {}

    def arguments(self) -> str | None:
        """The arguments object; None where no object is valid. Of a tool's own schema the properties alone count."""
        for keyword in sorted((_OUTSIDE | {*_COMBINED, "$ref", "enum", "const"}) & self._root.keys()):
            self._loosen(f"arguments: {keyword}")
        return self._typed("object", self._root, "arguments", 0)

    def _value(self, schema: Any, where: str, depth: int) -> str | None:
        """An expression of the valid values; None where no value is valid."""
        if schema is True or not isinstance(schema, dict):
            return None if schema is False else any_value(self._rules, self._syntax)
        if depth > MAX_DEPTH:
            return self._anything(f"{where}: nested deeper than {MAX_DEPTH}")
        for keyword in sorted(_OUTSIDE & schema.keys()):
            self._loosen(f"{where}: {keyword}")
        if "const" in schema or "enum" in schema:
            return self._choice(schema, where)
        if "$ref" in schema:
            return self._reference(schema, where, depth)
        combined = next((each for each in _COMBINED if isinstance(schema.get(each), list)), None)
        if combined is not None:
            return self._combined(schema, combined, where, depth)
        declared = schema.get("type", TYPES)
        types = [declared] if isinstance(declared, str) else list(declared)
        return self._either(self._typed(each, schema, where, depth) for each in types if each in TYPES)

    def _typed(self, kind: str, schema: Mapping[str, Any], where: str, depth: int) -> str | None:
        if kind == "object":
            return self._object(schema, where, depth)
        if kind == "array":
            return self._array(schema, where, depth)
        if kind == "string":
            return self._string(schema, where)
        if kind in {"number", "integer"}:
            return self._number(kind, schema, where)
        return '("true" | "false")' if kind == "boolean" else '"null"'

    def _object(self, schema: Mapping[str, Any], where: str, depth: int) -> str | None:
        declared = schema.get("properties") or {}
        additional = schema.get("additionalProperties", True)
        if "patternProperties" in schema:
            additional = True
        required = set(schema.get("required") or ())
        schemas = {**declared, **dict.fromkeys(sorted(required - declared.keys()), additional)}
        if len(schemas) > MAX_KEYS:
            return self._anything(f"{where}: more than {MAX_KEYS} properties", of=any_object(self._rules, self._syntax))
        members = {}
        for name, inner in schemas.items():
            value = self._value(inner, f"{where}.{name}", depth + 1)
            if value is not None:
                members[name] = value
            elif name in required:
                return None
        free = self._value(additional, f"{where}.*", depth + 1)
        return object_rule(
            self._rules, self._syntax, ObjectKeys(members=members, required=required, free=free, declared=[*schemas])
        )

    def _array(self, schema: Mapping[str, Any], where: str, depth: int) -> str | None:
        first = list(schema.get("prefixItems") or ())
        item = self._value(schema.get("items", True), f"{where}[]", depth + 1)
        low, high = self._bounds(schema, "minItems", "maxItems", where)
        comma = self._syntax.comma
        if first:
            return self._tuple(first, item, where, depth)
        if item is None or high == 0:
            return '"[" "]"' if low == 0 else None
        if high is not None and low > high:
            return None
        more = "" if high == 1 else f"({comma} {item}){{{max(0, low - 1)},{'' if high is None else high - 1}}}"
        full = f'"[" {item} {more} "]"'
        return self._rules.rule(f'"[" "]" | {full}' if low == 0 else full)

    def _tuple(self, first: list[Any], item: str | None, where: str, depth: int) -> str | None:
        """An array whose first items have schemas of their own; it may end after any of them."""
        self._loosen(f"{where}: the number of items beside prefixItems")
        comma = self._syntax.comma
        rest = "" if item is None else f"({comma} {item})*"
        for at in reversed(range(len(first))):
            value = self._value(first[at], f"{where}[{at}]", depth + 1)
            rest = "" if value is None else f"({f'{comma} ' if at else ''}{value} {rest})?"
        return self._rules.rule(f'"[" {rest} "]"')

    def _string(self, schema: Mapping[str, Any], where: str) -> str | None:
        low, high = self._bounds(schema, "minLength", "maxLength", where)
        if high is not None and low > high:
            return None
        if high == 0:
            return self._syntax.literal("")
        if "pattern" in schema:
            kept = {key: schema[key] for key in ("pattern", "minLength", "maxLength") if key in schema}
            expressed = self._syntax.pattern(kept)
            if expressed is not None:
                return expressed
            self._loosen(f"{where}: pattern")
        return self._syntax.string(low, high)

    def _number(self, kind: str, schema: Mapping[str, Any], where: str) -> str:
        bounds = {key: schema[key] for key in NUMBER_KEYS if key in schema}
        expressed = number_rule(self._rules, kind, bounds)
        if expressed is None:
            self._loosen(f"{where}: {', '.join(bounds)}")
            return str(number_rule(self._rules, kind, {}))
        return expressed

    def _choice(self, schema: Mapping[str, Any], where: str) -> str | None:
        values = [schema["const"]] if "const" in schema else list(schema["enum"])
        if len(values) > MAX_CHOICES:
            return self._anything(f"{where}: enum of more than {MAX_CHOICES:,} values")
        siblings = {key: value for key, value in schema.items() if key not in {"enum", "const"}}
        try:
            validator = jsonschema_rs.validator_for({**self._definitions(), **siblings}, offline=True)
        except (jsonschema_rs.ValidationError, ValueError):
            return self._either(map(self._syntax.literal, values))
        return self._either(self._syntax.literal(value) for value in values if validator.is_valid(value))

    def _definitions(self) -> dict[str, Any]:
        return {key: self._root[key] for key in ("$defs", "definitions") if key in self._root}

    def _reference(self, schema: Mapping[str, Any], where: str, depth: int) -> str | None:
        reference = schema["$ref"]
        if extra := sorted(schema.keys() - {"$ref"} - _ANNOTATIONS - _OUTSIDE):
            self._loosen(f"{where}: {', '.join(extra)} beside $ref")
        if reference in self._references:
            return self._references[reference]
        target = self._target(reference)
        if target is None:
            return self._anything(f"{where}: $ref {reference!r} does not lead to a part of this schema")
        name = self._references[reference] = self._rules.reserve()
        body = self._value(target, where, 0) or '"unsatisfiable" "\\x00"'
        self._rules.define(name, body)
        return name

    def _target(self, reference: object) -> Any:
        """The schema that a local `$ref` (a JSON pointer) names; None for any other."""
        if not isinstance(reference, str) or not reference.startswith("#"):
            return None
        found: Any = self._root
        for part in reference[1:].split("/")[1:]:
            step = part.replace("~1", "/").replace("~0", "~")
            if isinstance(found, list) and step.isdigit() and int(step) < len(found):
                found = found[int(step)]
            elif isinstance(found, dict) and step in found:
                found = found[step]
            else:
                return None
        return found if isinstance(found, (dict, bool)) else None

    def _combined(self, schema: Mapping[str, Any], keyword: str, where: str, depth: int) -> str | None:
        """`allOf`, `anyOf` or `oneOf`; what stands beside it applies to each part that does not say it itself."""
        parts = schema[keyword]
        beside = {key: value for key, value in schema.items() if key != keyword and key not in _ANNOTATIONS}
        if keyword == "allOf" and len(parts) > 1:
            return self._anything(f"{where}: allOf of {len(parts)} schemas")
        if keyword == "oneOf" and not _disjoint(parts):
            self._loosen(f"{where}: oneOf that several of its parts may fit")
        merged = []
        for part in parts:
            if isinstance(part, dict) and not beside.keys() & part.keys() and "$ref" not in part:
                merged.append({**beside, **part})
                continue
            if beside.keys() - {"type"}:
                self._loosen(f"{where}: what stands beside {keyword}")
            merged.append(part)
        return self._either(self._value(part, where, depth + 1) for part in merged)

    def _bounds(self, schema: Mapping[str, Any], low: str, high: str, where: str) -> tuple[int, int | None]:
        found: list[int | None] = []
        for keyword in (low, high):
            bound = schema.get(keyword)
            if bound is not None and bound > MAX_COUNT:
                self._loosen(f"{where}: {keyword} above {MAX_COUNT:,}")
                bound = None
            found.append(None if bound is None else int(bound))
        return found[0] or 0, found[1]

    def _either(self, alternatives: Iterable[str | None]) -> str | None:
        possible = list(dict.fromkeys(each for each in alternatives if each is not None))
        if len(possible) < 2:
            return next(iter(possible), None)
        return self._rules.rule(any_of(possible))

    def _anything(self, why: str, *, of: str | None = None) -> str:
        self._loosen(why)
        return of or any_value(self._rules, self._syntax)

    def _loosen(self, why: str) -> None:
        self.loosened[f"{self._tool}: {why}"] = None


def _disjoint(parts: list[Any]) -> bool:
    """Whether no value fits two of these schemas, by their types alone."""
    seen: set[str] = set()
    for part in parts:
        types = part.get("type") if isinstance(part, dict) else None
        for each in [types] if isinstance(types, str) else types or ["unknown"]:
            kind = "number" if each == "integer" else each
            if kind in seen or kind == "unknown":
                return False
            seen.add(kind)
    return True
