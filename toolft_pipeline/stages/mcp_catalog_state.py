"""What a live MCP server was last seen to list, noted where every plan finds it.

Invariant: a plan starts no process, so it cannot ask the server. Who watches the server notes a digest of its answer
here; the digest enters the fingerprint of tool_catalog, and a plan sees the change that the watcher saw.
"""

from __future__ import annotations

import os
from pathlib import Path

from toolft_pipeline.catalog.tool import Catalog
from toolft_pipeline.warehouse.manifest import ArtifactKey
from toolft_pipeline.warehouse.store import Warehouse

_FILE = "listed.digest"


def note_listing(warehouse: Warehouse, address: ArtifactKey, catalog: Catalog) -> None:
    """Note what the server lists now."""
    place = _place(warehouse, address)
    place.parent.mkdir(parents=True, exist_ok=True)
    fresh = place.with_name(f"{_FILE}.{os.getpid()}")
    fresh.write_text(catalog.digest, encoding="utf-8")
    fresh.replace(place)


def noted_listing(warehouse: Warehouse, address: ArtifactKey) -> dict[str, str]:
    """The digest that was noted last, as a source of tool_catalog; empty where nobody watches."""
    try:
        return {"tools/list": _place(warehouse, address).read_text(encoding="utf-8")}
    except FileNotFoundError:
        return {}


def _place(warehouse: Warehouse, address: ArtifactKey) -> Path:
    return address.folder(warehouse.root) / _FILE
