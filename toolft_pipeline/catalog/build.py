"""The stage `tool_catalog`: the agent's catalog, checked, in its one text.

Invariant: a catalog file that this stage wrote compiles; nobody downstream meets a broken schema.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from toolft_pipeline.catalog.sources import catalog_from_file, read_source
from toolft_pipeline.catalog.tool import Catalog, CatalogError
from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.settings import AgentSettings

CATALOG_FILE = "catalog.json"


@dataclass(frozen=True, kw_only=True)
class CatalogSummary:
    """What the stage made: the tools in order, the catalog's digest, each tool's own digest by name."""

    tools: tuple[str, ...]
    digest: str
    tool_digests: dict[str, str]


def build_catalog(settings: AgentSettings, out: Path, *, listed: Catalog | None = None) -> CatalogSummary:
    """Write `catalog.json` from the source that the agent file names; `listed` as in `read_source`.

    Raises `CatalogError`.
    """
    catalog = read_source(settings, listed=listed)
    try:
        CatalogValidator(catalog)
    except CatalogError as error:
        raise CatalogError(f"{_source(settings)}: {error}") from error
    (out / CATALOG_FILE).write_text(catalog.text, encoding="utf-8")
    return CatalogSummary(tools=catalog.names, digest=catalog.digest, tool_digests=catalog.digests)


def load_catalog(path: Path) -> Catalog:
    """A catalog file, or the `catalog.json` of a folder. Raises `CatalogError`."""
    return catalog_from_file(path / CATALOG_FILE if path.is_dir() else path)


def _source(settings: AgentSettings) -> str:
    source = settings.catalog
    if source.file is not None:
        return str(settings.path(source.file))
    return f"catalog.module {source.module}" if source.module is not None else "the MCP server's tools/list"
