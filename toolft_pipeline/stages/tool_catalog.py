"""tool_catalog: today's tools in canonical JSON, and their renames."""

from __future__ import annotations

from typing import cast

from toolft_pipeline.catalog.build import CATALOG_FILE, RENAMES_FILE, build_catalog, load_catalog
from toolft_pipeline.catalog.diff import diff_catalogs
from toolft_pipeline.sandbox.listed_catalog import listed_catalog
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.mcp_catalog_state import noted_listing
from toolft_pipeline.stages.spec import sources
from toolft_pipeline.stages.spec.declared_settings import SANDBOX
from toolft_pipeline.stages.spec.stage import BuildContext, Check, CheckOutcome, Group, SourceContext, Stage
from toolft_pipeline.warehouse.manifest import ArtifactKey
from toolft_pipeline.warehouse.store import BuildOutput, Version


def _sources(scope: SourceContext) -> dict[str, str]:
    settings = scope.settings
    found = sources.agent_file(settings, settings.catalog.file)
    if settings.catalog.module is not None:
        found |= sources.module(settings.catalog.module, folder=settings.folder)
    if settings.catalog.mcp:
        found |= sources.sandbox(settings)
        found |= noted_listing(scope.warehouse, ArtifactKey(agent=settings.name, asset="tool_catalog"))
    return found | sources.agent_file(settings, settings.catalog.renames)


def _build(context: BuildContext) -> BuildOutput:
    settings = context.settings
    asked = settings.sandbox if settings.catalog.mcp else None
    listed = None if asked is None else listed_catalog(asked, cwd=settings.folder)
    summary = build_catalog(settings, context.out, listed=listed)
    before = None if context.previous is None else load_catalog(context.previous.folder)
    diff = None if before is None else diff_catalogs(old=before, new=load_catalog(context.out))
    change = "first version" if diff is None else str(diff)
    context.progress(f"{len(summary.tools)} tools; {change}")
    for reason in summary.left_out:
        context.progress(f"left out: {reason}")
    return BuildOutput(
        content=(CATALOG_FILE, RENAMES_FILE) if summary.renames else (CATALOG_FILE,),
        rows={"tools": len(summary.tools)},
        headline={
            "digest": summary.digest,
            "change": change,
            "breaking": diff is not None and diff.breaking,
            "renames": {**summary.renames},
            "left_out": list(summary.left_out),
        },
    )


def _none_left_out(version: Version, _: AgentSettings) -> CheckOutcome:
    left_out = cast("list[str]", version.manifest.headline["left_out"])
    description = "; ".join(left_out) or "every declared tool is in the catalog"
    return CheckOutcome(passed=not left_out, detail={"left_out": len(left_out)}, description=description)


STAGE = Stage(
    asset="tool_catalog",
    description="Today's tools in canonical form: every schema compiled, every tool with a digest.",
    group=Group.SOURCES,
    kinds=("json",),
    code_version="4",
    inputs={},
    settings=("catalog", "sandbox.reset_tool", "sandbox.snapshot_tool"),
    placement=SANDBOX,
    sources=_sources,
    build=_build,
    partitioned=False,
    checks=(
        Check(
            name="no_tool_left_out",
            description="Every declared tool has a name that can be called; others are left out, and runs that call "
            "them are rejected.",
            blocking=False,
            evaluate=_none_left_out,
        ),
    ),
)
