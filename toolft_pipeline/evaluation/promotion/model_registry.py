"""Which model is in service: numbered records under `model_in_service`, moved by promotion and rollback alone.

Invariant: records are only ever added, and what serves follows from all of them. A rollback takes the models that
came after its target out of the line of service: they are *withdrawn*, and no night promotes one again until a person
names it in a rollback of their own. The model that a candidate is compared with is the newest in the line that is not
the candidate itself, so that asking again after a promotion gives the same comparison and the same verdict.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from toolft_pipeline.warehouse.manifest import Address
from toolft_pipeline.warehouse.pointers import Pointer, PointerMovedError, latest_pointer, move_pointer, pointer_history
from toolft_pipeline.warehouse.store import Version, Warehouse

SERVICE = "model_in_service"
ROLLBACK = "rollback"
"""The kind of a record that a rollback wrote; promotions have none."""

_TRIES = 10


@dataclass(frozen=True, kw_only=True)
class InService:
    """A model that is or was in service: its as-of day, folder and content digest."""

    day: str
    folder: Path
    content_digest: str

    def __str__(self) -> str:
        return f"{self.day} {self.content_digest[:16]}"


@dataclass(frozen=True, kw_only=True)
class ServingHistory:
    """What the moves add up to: the models that came to serve, one after the other, the last of them now.

    `withdrawn` has the models that a rollback took out, by content digest, with the time it did.
    """

    models: tuple[Pointer, ...]
    withdrawn: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Promotion:
    """Whether the pointer moved; `objection` says why a promotion could not be carried out."""

    moved: bool
    objection: str | None = None


def serving_history(moves: Sequence[Pointer]) -> ServingHistory:
    """Follow the moves, oldest first."""
    models: list[Pointer] = []
    withdrawn: dict[str, str] = {}
    for move in moves:
        if move.kind != ROLLBACK:
            models.append(move)
            continue
        same = [place for place, model in enumerate(models) if model.content_digest == move.content_digest]
        if same:
            withdrawn |= {model.content_digest: move.created_at for model in models[same[-1] + 1 :]}
            del models[same[-1] + 1 :]
        else:  # a model that was withdrawn, put back by name
            models.append(move)
        withdrawn.pop(move.content_digest, None)
    return ServingHistory(models=tuple(models), withdrawn=withdrawn)


def in_service(warehouse: Warehouse, agent: str) -> InService | None:
    """The model that the pointer names."""
    pointer = latest_pointer(service_folder(warehouse, agent))
    return None if pointer is None else resolve(warehouse, agent, pointer)


def champion_to_beat(warehouse: Warehouse, agent: str, *, candidate: str) -> InService | None:
    """The newest model in the line of service whose content digest is not the candidate's."""
    for pointer in reversed(_line(warehouse, agent).models):
        if pointer.content_digest != candidate:
            return resolve(warehouse, agent, pointer)
    return None


def withdrawn_at(warehouse: Warehouse, agent: str, *, candidate: str) -> str | None:
    """When a rollback took this model out of service; None for one that was never taken out, or put back since."""
    return _line(warehouse, agent).withdrawn.get(candidate)


def promote(warehouse: Warehouse, agent: str, *, day: str, model: Version, against: str | None) -> Promotion:
    """Put a merged model in service. `against` is the content digest of the model it was judged against, or None.

    Nothing moves where the model serves already, where it was withdrawn, or where another model has come into service
    since the verdict: a comparison with a model that no longer serves decides nothing.
    """
    folder = service_folder(warehouse, agent)
    digest = model.manifest.content_digest
    for _ in range(_TRIES):
        moves = pointer_history(folder)
        if moves and moves[-1].content_digest == digest:
            return Promotion(moved=False)
        withdrawn = withdrawn_at(warehouse, agent, candidate=digest)
        if withdrawn is not None:
            return Promotion(moved=False, objection=withdrawn_reason(withdrawn))
        serving = champion_to_beat(warehouse, agent, candidate=digest)
        if (None if serving is None else serving.content_digest) != against:
            return Promotion(
                moved=False,
                objection=f"{serving} came into service after the report was written; run again to be compared with it",
            )
        try:
            after = moves[-1].number if moves else 0
            move_pointer(folder, after=after, version=f"{day}/{model.folder.name}", content_digest=digest)
        except PointerMovedError:
            continue
        return Promotion(moved=True)
    return Promotion(moved=False, objection="other runs keep moving the pointer; run again")


def withdrawn_reason(when: str) -> str:
    """Why a withdrawn model stays out."""
    return f"a rollback took this very model out of service ({when}); `toolft rollback --to` puts it back"


def service_folder(warehouse: Warehouse, agent: str) -> Path:
    """Where the records of an agent lie."""
    return Address(agent=agent, asset=SERVICE).folder(warehouse.root)


def resolve(warehouse: Warehouse, agent: str, pointer: Pointer) -> InService:
    """The model that a record names."""
    day, _, name = pointer.version.partition("/")
    models = Address(agent=agent, asset="merged_model", partition=day).folder(warehouse.root)
    return InService(day=day, folder=models / "versions" / name, content_digest=pointer.content_digest)


def _line(warehouse: Warehouse, agent: str) -> ServingHistory:
    return serving_history(pointer_history(service_folder(warehouse, agent)))
