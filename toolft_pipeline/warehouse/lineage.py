"""Whether everything that a version was made from can still be named and opened.

Invariant: lineage is followed by content digest, never by what is in force today, so that a day that was made again
since does not stand in for the one that was read.
"""

from __future__ import annotations

from toolft_pipeline.warehouse.manifest import Address, Manifest
from toolft_pipeline.warehouse.store import Version, Warehouse, WarehouseError

FILE = "file:"
"""How the name of an input begins that lies outside the warehouse."""


def lineage_gaps(warehouse: Warehouse, version: Version) -> list[str]:
    """What of a version's ancestry does not resolve, one line each, sorted; empty where all of it does.

    An input resolves where a committed version holds its content and that version's own inputs resolve. Of a file
    outside the warehouse the digest alone is kept; it must be there.
    """
    return sorted(_gaps(warehouse, version.manifest, {}))


def _gaps(warehouse: Warehouse, manifest: Manifest, known: dict[tuple[Address, str], set[str]]) -> set[str]:
    found: set[str] = set()
    for name, digest in manifest.inputs.items():
        if not digest:
            found.add(f"{manifest.address}: no digest of {name} was recorded")
        elif not name.startswith(FILE):
            found |= _gaps_of_input(warehouse, _address(manifest.address.agent, name), digest, known)
    return found


def _gaps_of_input(
    warehouse: Warehouse, address: Address, digest: str, known: dict[tuple[Address, str], set[str]]
) -> set[str]:
    key = (address, digest)
    if key not in known:
        try:
            ways = [_gaps(warehouse, version.manifest, known) for version in warehouse.with_content(address, digest)]
        except WarehouseError as error:
            known[key] = {str(error)}
        else:
            known[key] = min(ways, key=len, default={f"{address}: no version holds the content {digest[:16]}"})
    return known[key]


def _address(agent: str, name: str) -> Address:
    asset, _, partition = name.partition("/")
    return Address(agent=agent, asset=asset, partition=None if partition == "all" else partition)
