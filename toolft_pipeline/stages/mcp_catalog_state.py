"""Record the digest of the tools that a live MCP server listed last.

Invariant: a plan starts no process, so it cannot ask the server. The catalog sensor records the digest here; it enters
the fingerprint of tool_catalog, and a plan sees the change that the sensor saw.
"""

from __future__ import annotations

import os
from pathlib import Path

from toolft_pipeline.catalog.tool import Catalog
from toolft_pipeline.warehouse.manifest import Address
from toolft_pipeline.warehouse.store import Warehouse

_FILE = "listed.digest"


def note_listing(warehouse: Warehouse, address: Address, catalog: Catalog) -> None:
    """Record the digest of the catalog that the server lists now."""
    place = _place(warehouse, address)
    place.parent.mkdir(parents=True, exist_ok=True)
    fresh = place.with_name(f"{_FILE}.{os.getpid()}")
    fresh.write_text(catalog.digest, encoding="utf-8")
    fresh.replace(place)


def noted_listing(warehouse: Warehouse, address: Address) -> dict[str, str]:
    """The last recorded digest as a source of tool_catalog; empty if no sensor has recorded one."""
    try:
        return {"tools/list": _place(warehouse, address).read_text(encoding="utf-8")}
    except FileNotFoundError:
        return {}


def _place(warehouse: Warehouse, address: Address) -> Path:
    return address.folder(warehouse.root) / _FILE
