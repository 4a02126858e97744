"""What a merged model was trained with: its adapter, the tool catalog and the chat settings, from manifests alone.

Invariant: the answer is that of the day of the training, however often the catalog and the days of data were rebuilt
since. A served prompt then shows the model what its training rows showed, whatever the agent file says by now.
"""

from __future__ import annotations

from dataclasses import dataclass

from toolft_pipeline.serving.routing.find_model import ModelNotServableError
from toolft_pipeline.warehouse.digest import Json
from toolft_pipeline.warehouse.lineage import inputs_in_warehouse
from toolft_pipeline.warehouse.manifest import ArtifactKey
from toolft_pipeline.warehouse.pointers import pointer_history
from toolft_pipeline.warehouse.store import Version, Warehouse, WarehouseError


@dataclass(frozen=True, kw_only=True)
class TrainedWith:
    """The catalog's version, the recorded `chat` settings of the training rows, and the adapter's content digest."""

    catalog: Version
    chat: dict[str, Json]
    adapter_digest: str


def trained_with(warehouse: Warehouse, model: Version) -> TrainedWith:
    """Follow a merged model to the rows that its adapter was trained on. Raises `ModelNotServableError`.

    Rows of all days of a window are made with one catalog, so the newest day's tell it.
    """
    adapter = version_read(warehouse, model, "qlora_adapter", before=model)
    tensors = version_read(warehouse, adapter, "token_tensors", before=adapter)
    rows = version_read(warehouse, tensors, "chat_rows", before=adapter)
    catalog = version_read(warehouse, rows, "tool_catalog", before=adapter)
    try:
        chat = rows.settings_section("chat")
    except WarehouseError as error:
        raise ModelNotServableError(str(error)) from error
    return TrainedWith(catalog=catalog, chat=chat, adapter_digest=adapter.manifest.content_digest)


def version_read(warehouse: Warehouse, version: Version, asset: str, *, before: Version) -> Version:
    """The version of an input that was read, of the newest partition.

    Several versions may have the content that the manifest names: the one that was in force when `before` was made was
    read. If retention has removed that one, another with the same content stands for it.
    """
    inputs = sorted(each for each in inputs_in_warehouse(version.manifest) if each[0].asset == asset)
    for address, digest in reversed(inputs):
        found = _in_force(warehouse, address, digest, at=before.manifest.created_at)
        if found is not None:
            return found
    model = before.manifest.address
    raise ModelNotServableError(
        f"{version.manifest.address}: its {asset} is no longer in the warehouse, so what the model was "
        f"trained with is unknown; `toolft run {model.agent} --to {model.partition}` rebuilds the model"
    )


def _in_force(warehouse: Warehouse, address: ArtifactKey, digest: str, *, at: str) -> Version | None:
    folder = address.folder(warehouse.root)
    moves = [move for move in pointer_history(folder) if move.content_digest == digest]
    earlier = [move for move in moves if move.created_at <= at]
    later = [move for move in moves if move.created_at > at]
    for move in [*reversed(earlier), *later]:
        if (folder / "versions" / move.version).is_dir():
            return warehouse.open(folder / "versions" / move.version)
    return None
