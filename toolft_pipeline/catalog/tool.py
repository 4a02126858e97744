"""A tool, and the catalog of all tools.

Invariant: one catalog has one text. Tools and the keys of their schemas keep the order of their source, because prompts
with the catalog show it. A tool's own digest ignores key order and description, because validating a call needs
neither.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from msgspec import Struct

from toolft_pipeline.catalog.shapes import ShapeError, declaration, declared_tools
from toolft_pipeline.errors import FixableError

READ_ONLY = "readOnlyHint"
"""MCP's annotation of tools that change nothing (specification 2025-06-18, `ToolAnnotations`)."""

_NAME = re.compile(r'[^\s"\\]+')


class CatalogError(FixableError, ValueError):
    """The catalog cannot be used; the message names the source, the tool, what is expected and the fix."""


class ToolNameError(CatalogError):
    """A declared tool whose name cannot be called."""


class Tool(Struct, frozen=True, kw_only=True):
    """One tool as the model sees it; `parameters` is the JSON Schema of its arguments object."""

    name: str
    description: str
    parameters: dict[str, Any]
    reads: bool | None = None
    """Whether it only reads, as its source declares (`readOnlyHint`, `catalog.reads`); None: not declared."""

    @property
    def digest(self) -> str:
        """Digest that changes exactly if a call could be validated differently."""
        return _sha256(json.dumps([self.name, self.parameters], sort_keys=True, separators=(",", ":")))


class Catalog(Struct, frozen=True, kw_only=True):
    """The tools that exist, in the order of their source, each name once."""

    tools: tuple[Tool, ...]
    left_out: tuple[str, ...] = ()
    """Declarations that are no callable tools, one line each with the reason; not part of `text`."""

    @property
    def names(self) -> tuple[str, ...]:
        """The tools' names, in order."""
        return tuple(tool.name for tool in self.tools)

    @property
    def digests(self) -> dict[str, str]:
        """Each tool's digest by name; part of the replay cache's keys."""
        return {tool.name: tool.digest for tool in self.tools}

    @property
    def reads(self) -> dict[str, bool]:
        """Whether a tool only reads, for the tools that declare it."""
        return {tool.name: tool.reads for tool in self.tools if tool.reads is not None}

    @property
    def text(self) -> str:
        """The catalog as indented JSON in the shape of MCP's `tools/list`."""
        tools = [
            {"name": t.name, "description": t.description, "inputSchema": t.parameters}
            | ({} if t.reads is None else {"annotations": {READ_ONLY: t.reads}})
            for t in self.tools
        ]
        return json.dumps({"tools": tools}, indent=1, ensure_ascii=False) + "\n"

    @property
    def digest(self) -> str:
        """Digest of `text`: "sha256:" and 64 hex digits."""
        return _sha256(self.text)

    def openai_tools(self) -> list[dict[str, Any]]:
        """The catalog as the `tools` of a chat request, which is also what chat templates take."""
        return [
            {
                "type": "function",
                "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters},
            }
            for tool in self.tools
        ]


def parse_catalog(document: object, *, where: str) -> Catalog:
    """Parse decoded JSON: a list of tools or an object with one (`declared_tools`), in the shape of MCP, OpenAI,
    Anthropic or Bedrock.

    Tools whose names cannot be called are left out, with the reason in `left_out`. `where` names the source in errors.
    Raises `CatalogError`.
    """
    entries = declared_tools(document)
    if not isinstance(entries, list) or not entries:
        raise CatalogError(f"{where}: must be a list of tools, or an object with the key `tools`")
    tools, left_out = [], []
    for index, entry in enumerate(entries, start=1):
        try:
            tools.append(_parse_tool(entry, where=f"{where}: tool {index}"))
        except ToolNameError as error:
            left_out.append(str(error))
    if not tools:
        raise CatalogError(left_out[0])
    names = [tool.name for tool in tools]
    for name in names:
        if names.count(name) > 1:
            raise CatalogError(f"{where}: tool {name!r} is declared {names.count(name)} times; keep one")
    return Catalog(tools=tuple(tools), left_out=tuple(left_out))


def _parse_tool(entry: object, *, where: str) -> Tool:
    if not isinstance(entry, dict):
        raise CatalogError(f"{where}: must be an object, found {type(entry).__name__}")
    try:
        name, description, parameters = declaration(entry)
    except ShapeError as error:
        raise CatalogError(f"{where}: {error}") from error
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ToolNameError(f"{where}: `name` must be text without spaces or quotes, found {name!r}")
    if parameters is None:
        parameters = {"type": "object", "properties": {}}
    if not isinstance(parameters, dict) or parameters.get("type", "object") != "object":
        raise CatalogError(
            f"{where} ({name}): its arguments must be a JSON Schema of type object; fix its `inputSchema`, "
            "`input_schema` or `parameters`"
        )
    return Tool(name=name, description=str(description or ""), parameters=parameters, reads=_reads(entry))


def _reads(entry: dict[str, Any]) -> bool | None:
    """Whether MCP's annotations say that a tool only reads; a tool that may destroy does not, whatever else they say.

    `destructiveHint: false` alone says nothing: such a tool may still add.
    """
    hints = entry.get("annotations")
    hints = hints if isinstance(hints, dict) else {}
    read_only = hints.get(READ_ONLY)
    if hints.get("destructiveHint") is True:
        return False
    return read_only if isinstance(read_only, bool) else None


def _sha256(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
