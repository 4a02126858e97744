"""tool_catalog: the tools that exist today, in one canonical text."""

from __future__ import annotations

from toolft_pipeline.assets import sources
from toolft_pipeline.assets.stage import Group, Scope, Stage, Work
from toolft_pipeline.catalog.build import CATALOG_FILE, build_catalog, load_catalog
from toolft_pipeline.catalog.diff import diff_catalogs
from toolft_pipeline.sandbox.listed_catalog import listed_catalog
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.warehouse.digest import Json
from toolft_pipeline.warehouse.store import Built


def _reads(settings: AgentSettings) -> Json:
    return settings.catalog.model_dump(mode="json")


def _sources(scope: Scope) -> dict[str, str]:
    settings = scope.settings
    live = sources.sandbox(settings) if settings.catalog.mcp else {}
    return live | sources.agent_file(settings, settings.catalog.file)


def _build(work: Work) -> Built:
    settings = work.settings
    asked = settings.sandbox if settings.catalog.mcp else None
    listed = None if asked is None else listed_catalog(asked, cwd=settings.folder)
    summary = build_catalog(settings, work.out, listed=listed)
    before = None if work.previous is None else load_catalog(work.previous.folder)
    diff = None if before is None else diff_catalogs(old=before, new=load_catalog(work.out))
    change = "first version" if diff is None else str(diff)
    work.progress(f"{len(summary.tools)} tools; {change}")
    return Built(
        content=(CATALOG_FILE,),
        rows={"tools": len(summary.tools)},
        headline={"digest": summary.digest, "change": change, "breaking": diff is not None and diff.breaking},
    )


STAGE = Stage(
    asset="tool_catalog",
    description="The tools that exist today, canonical: every schema compiled, every digest known.",
    group=Group.SOURCES,
    kinds=("json",),
    code_version="2",
    inputs={},
    reads=_reads,
    sources=_sources,
    build=_build,
    partitioned=False,
)
