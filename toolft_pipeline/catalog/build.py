"""Build the agent's catalog: read it from its source, validate it, and write it in canonical form.

Invariant: every schema in a written catalog compiles, and its renames lead to tools that it has. Renames are written
with the catalog that they were checked against, so that no stage reads one of the two in a newer version.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from toolft_pipeline.catalog.renames import load_renames
from toolft_pipeline.catalog.sources import catalog_from_file, read_source
from toolft_pipeline.catalog.tool import Catalog, CatalogError
from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.settings import AgentSettings

CATALOG_FILE = "catalog.json"
RENAMES_FILE = "renames.json"
"""Old tool name -> its name in this catalog; an empty object if nothing was renamed."""


@dataclass(frozen=True, kw_only=True)
class CatalogSummary:
    """Tools in order, declarations left out with the reason, the catalog's digest, and each tool's digest."""

    tools: tuple[str, ...]
    left_out: tuple[str, ...]
    digest: str
    tool_digests: dict[str, str]
    renames: dict[str, str]


def build_catalog(settings: AgentSettings, out: Path, *, listed: Catalog | None = None) -> CatalogSummary:
    """Write `catalog.json` and `renames.json` from the agent file's source; `listed` as in `read_source`.

    Raises `CatalogError`.
    """
    catalog = read_source(settings, listed=listed)
    try:
        CatalogValidator(catalog)
    except CatalogError as error:
        raise CatalogError(f"{_source(settings)}: {error}") from error
    names = settings.catalog.renames
    renames = {} if names is None else load_renames(settings.path(names), catalog=catalog)
    (out / CATALOG_FILE).write_text(catalog.text, encoding="utf-8")
    (out / RENAMES_FILE).write_text(json.dumps(renames, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return CatalogSummary(
        tools=catalog.names,
        left_out=catalog.left_out,
        digest=catalog.digest,
        tool_digests=catalog.digests,
        renames=renames,
    )


def load_catalog(path: Path) -> Catalog:
    """Load a catalog file, or the `catalog.json` of a folder. Raises `CatalogError`."""
    return catalog_from_file(path / CATALOG_FILE if path.is_dir() else path)


def built_renames(folder: Path) -> Mapping[str, str] | None:
    """Load the renames that were built with a catalog; None for a catalog that was not built by this module."""
    path = folder / RENAMES_FILE
    if not path.is_file():
        return None
    renames: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return renames


def _source(settings: AgentSettings) -> str:
    source = settings.catalog
    if source.file is not None:
        return str(settings.path(source.file))
    return f"catalog.module {source.module}" if source.module is not None else "the MCP server's tools/list"
