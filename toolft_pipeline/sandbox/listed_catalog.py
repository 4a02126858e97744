"""The catalog that a backend lists."""

from __future__ import annotations

from pathlib import Path

from toolft_pipeline.catalog.tool import Catalog, parse_catalog
from toolft_pipeline.sandbox.kinds import open_sandbox
from toolft_pipeline.settings import SandboxSettings


def listed_catalog(settings: SandboxSettings, *, cwd: Path) -> Catalog:
    """Catalog of `tools/list`, with the reset and snapshot tools.

    Raises `SandboxError` if the backend does not start, `CatalogError` for invalid tools.
    """
    with open_sandbox(settings, cwd=cwd) as sandbox:
        document = sandbox.list_tools()
    return parse_catalog(document, where=f"tools/list of `{' '.join(settings.command)}`")
