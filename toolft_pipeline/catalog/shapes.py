"""Tool declarations in the shapes of several providers, converted to one shape or rejected with the fix."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toolft_pipeline.errors import FixableError

_SCHEMA_KEYS = ("inputSchema", "input_schema", "parameters")
"""MCP, Anthropic, OpenAI."""

_WANTED = "write each tool as {name, description, inputSchema}, as MCP does, or in OpenAI's or Anthropic's shape"

_UNSUPPORTED = {
    "functionDeclarations": f"is in Gemini's shape (functionDeclarations); {_WANTED}, with types in lower case",
    "function_declarations": f"is in Gemini's shape (function_declarations); {_WANTED}, with types in lower case",
    "parameter_definitions": f"is in Cohere's shape (parameter_definitions); {_WANTED}",
}
"""Shapes that are not supported, by a key that identifies them."""


class ShapeError(FixableError, ValueError):
    """A declaration in a known but unsupported shape; the message names it and what to write."""


def declared_tools(document: object) -> object:
    """The list of tools in a document: the document itself, or its `tools` or `functions`, also inside Bedrock's
    `toolConfig` or the `result` of MCP's tools/list."""
    for outer in ("result", "toolConfig"):
        if isinstance(document, dict) and isinstance(document.get(outer), dict):
            document = document[outer]
    if not isinstance(document, dict):
        return document
    return document["tools"] if "tools" in document else document.get("functions")


def declaration(entry: Mapping[str, Any]) -> tuple[object, object, object]:
    """Name, description and argument schema of a declared tool, unchecked; None for a missing one.

    Raises `ShapeError`.
    """
    for key, problem in _UNSUPPORTED.items():
        if key in entry:
            raise ShapeError(problem)
    body = next((entry[key] for key in ("function", "toolSpec") if isinstance(entry.get(key), dict)), entry)
    schema = next((body[key] for key in _SCHEMA_KEYS if body.get(key) is not None), None)
    if isinstance(schema, dict) and set(schema) == {"json"} and isinstance(schema["json"], dict):  # Bedrock
        schema = schema["json"]
    if isinstance(schema, dict) and isinstance(kind := schema.get("type"), str) and kind.isupper():
        raise ShapeError(f"has the type {kind!r}, which is Gemini's spelling; write JSON Schema's, in lower case")
    return body.get("name"), body.get("description"), schema
