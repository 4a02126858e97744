"""`toolft export`: write a merged model as another server reads it."""

from __future__ import annotations

from pathlib import Path

from toolft_pipeline.agent_file import warehouse_root
from toolft_pipeline.chat.formats import get_format
from toolft_pipeline.cli.runs.terminal import say
from toolft_pipeline.engines.server_folders import write_server_folder
from toolft_pipeline.errors import UsageError
from toolft_pipeline.evaluation.promotion.model_registry import in_service
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.settings.serving import EngineName
from toolft_pipeline.training.managed.hosted_model import read_hosted
from toolft_pipeline.warehouse.manifest import ArtifactKey
from toolft_pipeline.warehouse.store import Warehouse


def export_model_of(settings: AgentSettings, *, server: str, day: str | None, quantization: str, out: Path) -> int:
    """Write the model in service, or the one as of a day. Raises `UsageError` or `EngineError`."""
    warehouse = Warehouse(warehouse_root())
    if day is None:
        serving = in_service(warehouse, settings.name)
        if serving is None:
            raise UsageError(f"{settings.name}: no model is in service; name one with --version DAY")
        folder = serving.folder / "model"
    else:
        version = warehouse.current(ArtifactKey(agent=settings.name, asset="merged_model", partition=day))
        if version is None:
            made = ", ".join(warehouse.partitions(settings.name, "merged_model")) or "none"
            raise UsageError(f"{settings.name}: no merged model as of {day}; there are: {made}")
        folder = version.file("model")
    hosted = read_hosted(folder.parent)
    if hosted is not None:
        raise UsageError(f"{settings.name}: {hosted.where} stays at its host, there are no weights to export")
    written = write_server_folder(
        folder,
        out,
        server=EngineName(server),
        stops=get_format(settings.chat.format).stop_tokens,
        quantization=quantization,
        progress=say,
    )
    say(str(written))
    return 0
