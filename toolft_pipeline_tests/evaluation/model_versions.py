"""Small merged models in a real warehouse, for tests of what serves."""

from __future__ import annotations

from toolft_pipeline.warehouse.digest import Json
from toolft_pipeline.warehouse.manifest import ArtifactKey, fingerprint_of
from toolft_pipeline.warehouse.store import BuildOutput, Recipe, Version, Warehouse

AGENT = "desk"


def commit(
    warehouse: Warehouse,
    asset: str,
    day: str | None,
    content: str,
    *,
    inputs: dict[str, str] | None = None,
    files: dict[str, str] | None = None,
    headline: dict[str, Json] | None = None,
    rows: dict[str, int] | None = None,
) -> Version:
    """A version whose content is one small file; `files` lie beside it."""
    address = ArtifactKey(agent=AGENT, asset=asset, partition=day)
    made_from = inputs or {}
    recipe = Recipe(
        address=address,
        fingerprint=fingerprint_of(code_version=content, settings={}, inputs=made_from),
        code_version=content,
        settings={},
        inputs=made_from,
    )
    with warehouse.staging(address) as staged:
        (staged / "model").mkdir()
        (staged / "model" / "weights").write_text(content)
        for name, text in (files or {}).items():
            (staged / name).write_text(text)
        built = BuildOutput(content=("model",), rows=rows or {}, headline=headline or {})
        return warehouse.commit(staged, recipe, built, run_id=None, started=0.0)


def model(warehouse: Warehouse, day: str, content: str) -> Version:
    """A merged model of a day."""
    return commit(warehouse, "merged_model", day, content)
