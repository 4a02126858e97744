"""What verdicts depend on in a catalog, under keyed hashes.

Invariant: a verdict changes with the catalog only where the digest of its own lookups changes. Lookups are the schemas
of the tools that a run calls (or that there is none), the new names of the tools it was logged with, and the words
that a rule asked the catalog for. They come from users' texts, so only their HMAC is stored.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping

from toolft_pipeline.catalog.tool import Catalog
from toolft_pipeline.trajectories.record import Trajectory
from toolft_pipeline.verification.rules.catalog_words import ToolSchemas, lookup_digests
from toolft_pipeline.warehouse.digest import digest_of


class CatalogIndex:
    """Digests of a catalog by lookup, each lookup as an unsigned integer of 64 bits that only the key can tell."""

    def __init__(self, catalog: Catalog, *, renames: Mapping[str, str], schemas: ToolSchemas, key: bytes) -> None:
        entries: dict[str, str] = {
            f"tool:{tool.name}": digest_of([json.dumps(tool.parameters), tool.reads]) for tool in catalog.tools
        }
        entries |= {f"rename:{old}": new for old, new in renames.items()}
        self._key = key
        self._digests = {self._id(lookup): digest for lookup, digest in {**entries, **lookup_digests(schemas)}.items()}

    def ids(self, lookups: Iterable[str]) -> tuple[int, ...]:
        """The hashes of lookups, sorted."""
        return tuple(sorted(set(map(self._id, lookups))))

    def digest(self, ids: Iterable[int]) -> str:
        """What the catalog holds for some lookups; None stands for one that finds nothing."""
        return digest_of([self._digests.get(id_) for id_ in ids])

    def _id(self, lookup: str) -> int:
        text = lookup.encode("utf-8", errors="surrogatepass")
        return int.from_bytes(hmac.digest(self._key, text, hashlib.sha256)[:8], "big")


def rename_lookups(logged: Trajectory) -> set[str]:
    """The names of a run, as logged, that a rename would change."""
    names = {call.name for message in logged.messages for call in message.tool_calls}
    names |= {message.name for message in logged.messages if message.name is not None}
    return {f"rename:{name}" for name in names}
