"""Which versions that a proposed catalog makes again would come out as they are, and so touch nothing after them.

Invariant: "the same" is said only where it is known: by what the days' previews found, or by making the content with
the stage's own function in a scratch folder and comparing digests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from toolft_pipeline.catalog.build import CATALOG_FILE, load_catalog
from toolft_pipeline.chat.chat_rows import ROWS_FILE
from toolft_pipeline.chat.render_day import write_chat_rows
from toolft_pipeline.curation.run_signatures import SIGNATURES_FILE
from toolft_pipeline.curation.selection import SELECTION_FILE, select_training_set
from toolft_pipeline.settings import AgentSettings, CatalogMode
from toolft_pipeline.verification.catalog_impact import DayPreview
from toolft_pipeline.verification.day import ACCEPTED_FILE
from toolft_pipeline.warehouse.digest import file_digest
from toolft_pipeline.warehouse.manifest import ArtifactKey
from toolft_pipeline.warehouse.store import Version, Warehouse


@dataclass(frozen=True, kw_only=True)
class Foreseen:
    """What is known of the proposal: the days' previews, the built catalog, and which versions come out new so far."""

    settings: AgentSettings
    warehouse: Warehouse
    previews: Mapping[str, DayPreview]
    catalog: Path
    """The folder of the proposed catalog, as its stage would write it."""
    same_names: bool
    differs: bool
    scratch: Path
    new: set[tuple[str, str | None]] = field(default_factory=set)

    def version(self, asset: str, partition: str | None) -> Version | None:
        """The version in force."""
        return self.warehouse.current(ArtifactKey(agent=self.settings.name, asset=asset, partition=partition))


def comes_out_same(asset: str, partition: str | None, foreseen: Foreseen) -> bool:
    """Whether a version that is made again is known to have the content of the one in force."""
    known = _KNOWN.get(asset)
    return known is not None and known(partition, foreseen)


def _verified(partition: str | None, foreseen: Foreseen) -> bool:
    return not foreseen.previews[partition or ""].changes


def _chat_rows(partition: str | None, foreseen: Foreseen) -> bool:
    """Rows that show no catalog follow from the runs alone; all others are rendered with the proposed one."""
    if ("verified_trajectories", partition) in foreseen.new:
        return False
    chat = foreseen.settings.chat
    if chat.catalog_mode is CatalogMode.NONE and chat.system_prompt != "strip_tools":
        return True
    accepted, base = foreseen.version("verified_trajectories", partition), foreseen.version("base_model", None)
    current = foreseen.version("chat_rows", partition)
    if accepted is None or base is None or current is None:
        return False
    out = foreseen.scratch / f"chat_rows-{partition}"
    out.mkdir()
    write_chat_rows(
        accepted=accepted.file(ACCEPTED_FILE),
        catalog=foreseen.catalog / CATALOG_FILE,
        chat=chat,
        error_forms=foreseen.settings.verification.error_forms,
        out=out,
        base=base.file("model"),
    )
    return file_digest(out / ROWS_FILE) == file_digest(current.file(ROWS_FILE))


def _training_set(partition: str | None, foreseen: Foreseen) -> bool:
    """Of the catalog it reads the names alone: for which tools rows are kept in training."""
    if any(asset == "run_signatures" for asset, _ in foreseen.new):
        return False
    current = foreseen.version("training_set", partition)
    if foreseen.same_names or current is None:
        return foreseen.same_names
    signed = {day: foreseen.version("run_signatures", day) for day in foreseen.previews}
    tasks = foreseen.settings.path(foreseen.settings.evaluation.tasks)
    out = foreseen.scratch / "training_set"
    out.mkdir()
    select_training_set(
        days={day: version.file(SIGNATURES_FILE) for day, version in signed.items() if version is not None},
        tasks=tasks if tasks.is_file() else None,
        tools=list(load_catalog(foreseen.catalog).names),
        curation=foreseen.settings.curation,
        out=out,
    )
    return file_digest(out / SELECTION_FILE) == file_digest(current.file(SELECTION_FILE))


_KNOWN: Mapping[str, Callable[[str | None, Foreseen], bool]] = {
    "verified_trajectories": _verified,
    "chat_rows": _chat_rows,
    "training_set": _training_set,
}
