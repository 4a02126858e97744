"""`catalog`: where today's tools come from."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from toolft_pipeline.settings.section import Section


class CatalogSettings(Section):
    """Where the tools that exist today are declared; exactly one source."""

    file: str | None = None
    """JSON file in MCP, OpenAI, Anthropic or Bedrock shape, relative to the agent file."""
    module: str | None = None
    """Importable module whose Pydantic models are the tools."""
    mcp: bool = False
    """Ask the sandbox's own MCP server (`tools/list`); its reset and snapshot tools are left out."""
    renames: str | None = None
    """renames.yaml, relative to the agent file: old tool name -> new tool name."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if sum((self.file is not None, self.module is not None, self.mcp)) != 1:
            raise ValueError("name exactly one source: file, module or mcp")
        return self
