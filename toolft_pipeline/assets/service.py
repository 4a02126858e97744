"""Which model is in service: numbered records under `model_in_service`, moved by promotion and rollback alone.

Invariant: the model that a candidate is compared with is the newest one in service that is not the candidate itself,
so that asking again after a promotion gives the same comparison and the same verdict.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from toolft_pipeline.warehouse.manifest import Address
from toolft_pipeline.warehouse.pointers import Pointer, append_pointer, latest_pointer, pointer_history
from toolft_pipeline.warehouse.store import Version, Warehouse

SERVICE = "model_in_service"


@dataclass(frozen=True, kw_only=True)
class InService:
    """A model that is or was in service: its as-of day, folder and content digest."""

    day: str
    folder: Path
    content_digest: str


def in_service(warehouse: Warehouse, agent: str) -> InService | None:
    """The model that the champion pointer names."""
    pointer = latest_pointer(_folder(warehouse, agent))
    return None if pointer is None else _resolve(warehouse, agent, pointer)


def incumbent(warehouse: Warehouse, agent: str, *, candidate: str) -> InService | None:
    """The newest model in service whose content digest is not the candidate's."""
    for pointer in reversed(pointer_history(_folder(warehouse, agent))):
        if pointer.content_digest != candidate:
            return _resolve(warehouse, agent, pointer)
    return None


def promote(warehouse: Warehouse, agent: str, *, day: str, model: Version) -> bool:
    """Put a merged model in service; False where it already is."""
    folder = _folder(warehouse, agent)
    latest = latest_pointer(folder)
    if latest is not None and latest.content_digest == model.manifest.content_digest:
        return False
    append_pointer(folder, version=f"{day}/{model.folder.name}", content_digest=model.manifest.content_digest)
    return True


def _folder(warehouse: Warehouse, agent: str) -> Path:
    return Address(agent=agent, asset=SERVICE).folder(warehouse.root)


def _resolve(warehouse: Warehouse, agent: str, pointer: Pointer) -> InService:
    day, _, name = pointer.version.partition("/")
    models = Address(agent=agent, asset="merged_model", partition=day).folder(warehouse.root)
    return InService(day=day, folder=models / "versions" / name, content_digest=pointer.content_digest)
