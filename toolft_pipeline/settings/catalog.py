"""`catalog`: the source of the tool catalog."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from toolft_pipeline.settings.section import Section


class CatalogSettings(Section):
    """Where today's tools are declared: exactly one of `file`, `module` and `mcp`."""

    file: str | None = None
    """JSON file in MCP, OpenAI, Anthropic or Bedrock shape, relative to the agent file."""
    module: str | None = None
    """Importable module; each of its Pydantic models is a tool."""
    mcp: bool = False
    """List the tools of the sandbox's MCP server (`tools/list`), without its reset and snapshot tools."""
    renames: str | None = None
    """Path of renames.yaml, relative to the agent file: old tool name -> new tool name."""
    reads: tuple[str, ...] = ()
    """Tools that only read, by name, for a catalog whose source cannot say so (MCP's can: `readOnlyHint`). Evaluation
    allows a few extra calls of such tools. Of a tool that nothing declares, the sandbox's state shows whether a call
    changed anything."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if sum((self.file is not None, self.module is not None, self.mcp)) != 1:
            raise ValueError("name exactly one source: file, module or mcp")
        return self
