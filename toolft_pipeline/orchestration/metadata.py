"""The metadata of a version in the UI.

Invariant: what a person looks for comes first: a short summary, counts and figures (as numbers, so that the UI plots
them over days), then text charts, then tables; the version's folder comes last.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

import dagster as dg
import pyarrow.parquet as pq

from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.presentation.report_links import page_url
from toolft_pipeline.stages.presentation.text_charts import INLINE, bar_table
from toolft_pipeline.stages.spec.run_stage import shown_settings
from toolft_pipeline.stages.spec.stage import Plot, Stage
from toolft_pipeline.warehouse.digest import Json
from toolft_pipeline.warehouse.store import Version

Values = dict[str, dg.MetadataValue[Any]]


def version_metadata(stage: Stage, version: Version, settings: AgentSettings, *, reused: bool) -> Values:
    """All metadata of a version, in display order."""
    seen = shown_settings(stage, settings)
    plots, texts = stage.plots(version, seen), stage.texts(version)
    headline = version.manifest.headline | stage.figures(version, seen)
    figures = {name: value for name, value in headline.items() if name not in stage.unshown}
    plain = {name: value for name, value in figures.items() if isinstance(value, bool | int | float | str)}
    nested = {name: value for name, value in figures.items() if isinstance(value, dict) and name not in plots}
    return {
        **{name: dg.MetadataValue.md(text) for name, text in texts.items() if len(text) < INLINE},
        **_counts(version),
        **{name: shown(value) for name, value in plain.items()},
        **{name: dg.MetadataValue.md(plot.summary) for name, plot in plots.items()},
        **{name: shown(value) for name, value in nested.items()},
        **({} if stage.page is None else _page(stage.page, version)),
        **{f"picture/{name}": _picture(name, plot) for name, plot in plots.items()},
        **{name: dg.MetadataValue.md(text) for name, text in texts.items() if len(text) >= INLINE},
        **_columns(version),
        "version/reused": dg.MetadataValue.bool(reused),
        "version/seconds": dg.MetadataValue.float(version.manifest.duration_s),
        "version/bytes": dg.MetadataValue.int(sum(entry.size for entry in version.manifest.files)),
        "version/place": dg.MetadataValue.path(str(version.folder)),
    }


def shown(value: Json) -> dg.MetadataValue[Any]:
    """A figure as metadata: numbers, tables with bars for counts by name, lines for lists of words, else JSON."""
    if type(value) in _PLAIN:
        return _PLAIN[type(value)](value)
    if not value:
        return dg.MetadataValue.text("none")
    if isinstance(value, Mapping):
        numbers = {name: each for name, each in value.items() if isinstance(each, int | float)}
        whole = len(numbers) == len(value)
        return dg.MetadataValue.md(bar_table(numbers)) if whole else dg.MetadataValue.json(dict(value))
    words = [str(each) for each in value if isinstance(each, str)]  # type: ignore[union-attr]
    return dg.MetadataValue.text("\n".join(words)) if len(words) == len(value) else dg.MetadataValue.json(list(value))  # type: ignore[arg-type]


_PLAIN: dict[type, Callable[[Any], dg.MetadataValue[Any]]] = {
    bool: dg.MetadataValue.bool,
    int: dg.MetadataValue.int,
    float: dg.MetadataValue.float,
    str: dg.MetadataValue.text,
}


def _counts(version: Version) -> Values:
    counts = version.manifest.rows
    total = {"dagster/row_count": dg.MetadataValue.int(next(iter(counts.values())))} if counts else {}
    return {**{f"rows/{name}": dg.MetadataValue.int(count) for name, count in counts.items()}, **total}


def _page(name: str, version: Version) -> Values:
    """A link to the page on the report server, and the path of its file."""
    return {
        "page": dg.MetadataValue.url(page_url(version)),
        "page_path": dg.MetadataValue.path(str(version.file(name))),
    }


def _columns(version: Version) -> Values:
    """The column schema of the version's table, if it has one."""
    tables = [entry.path for entry in version.manifest.files if entry.content and entry.path.endswith(".parquet")]
    if not tables:
        return {}
    schema = pq.read_schema(version.file(tables[0]))
    columns = [
        dg.TableColumn(field.name, str(field.type), constraints=dg.TableColumnConstraints(nullable=field.nullable))
        for field in schema
    ]
    return {"dagster/column_schema": dg.MetadataValue.table_schema(dg.TableSchema(columns=columns))}


def _picture(name: str, plot: Plot) -> dg.MetadataValue[Any]:
    return dg.MetadataValue.md(f"![{name}](data:image/png;base64,{base64.b64encode(plot.png).decode()})")
