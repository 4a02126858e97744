"""The tools that the agent's backend offers now.

Invariant: asked again each time. A server that is started for the question shows the code that is deployed now, which a
session that stays open would not.
"""

from __future__ import annotations

from msgspec.structs import replace

from toolft_pipeline.catalog.sources import read_source
from toolft_pipeline.catalog.tool import Catalog
from toolft_pipeline.sandbox.listed_catalog import listed_catalog
from toolft_pipeline.settings import AgentSettings


def live_tools(settings: AgentSettings) -> Catalog:
    """The sandbox's `tools/list`, without tools that only the pipeline calls; without a sandbox, the catalog's source.

    A catalog from a file or a module says which of the server's tools the agent is offered; how they look is the
    server's word, and one that the server does not list is missing. Raises `SandboxError` or `CatalogError`.
    """
    if settings.sandbox is None:
        return read_source(settings)
    listed = listed_catalog(settings.sandbox, cwd=settings.folder)
    offered = frozenset(read_source(settings, listed=listed).names)
    return replace(listed, tools=tuple(tool for tool in listed.tools if tool.name in offered))
