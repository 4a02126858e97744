"""Back to a model that served before: one record added to the history, nothing removed.

Invariant: a rollback ends with a model in service whose files are whole, or it changes nothing. It is a person's
word: it may name any model that ever served, one that was withdrawn too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from toolft_pipeline.errors import FixableError
from toolft_pipeline.evaluation.promotion.model_registry import (
    ROLLBACK,
    InService,
    resolve,
    service_folder,
    serving_history,
)
from toolft_pipeline.warehouse.lock import locked
from toolft_pipeline.warehouse.manifest import Address
from toolft_pipeline.warehouse.pointers import Pointer, PointerMovedError, move_pointer, pointer_history
from toolft_pipeline.warehouse.store import Warehouse, WarehouseError, damaged_files

MIN_DIGEST = 6
"""Characters of a content digest that name a model at the least."""


class RollbackError(FixableError, ValueError):
    """There is nothing to go back to, or not what was named; one line with the mend."""


@dataclass(frozen=True, kw_only=True)
class Rollback:
    """What served before and after, and the models that are withdrawn by it."""

    before: InService
    after: InService
    withdrawn: tuple[str, ...]


def roll_back(warehouse: Warehouse, agent: str, *, to: str | None = None) -> Rollback:
    """Put the model in service that served before the present one, or the one that `to` names.

    `to` is an as-of day (the newest model of that day that served), a version as the records name it, or the beginning
    of a content digest. Raises `RollbackError`.
    """
    folder = service_folder(warehouse, agent)
    moves = pointer_history(folder)
    if not moves:
        raise RollbackError(f"{agent}: no model was ever in service; `toolft run {agent}` makes and judges one")
    line = serving_history(moves)
    if to is None and len(line.models) < 2:
        raise RollbackError(
            f"{agent}: nothing to go back to: no model served before {resolve(warehouse, agent, moves[-1])}; "
            f"name another with --to ({_served(moves)})"
        )
    target = line.models[-2] if to is None else _named(agent, moves, to)
    if target.content_digest == moves[-1].content_digest:
        raise RollbackError(f"{agent}: {resolve(warehouse, agent, target)} is in service already")
    day = resolve(warehouse, agent, target).day
    with locked(Address(agent=agent, asset="merged_model", partition=day).folder(warehouse.root)):  # retention waits
        _check_files(warehouse, agent, target)
        try:
            moved = move_pointer(
                folder,
                after=moves[-1].number,
                version=target.version,
                content_digest=target.content_digest,
                kind=ROLLBACK,
            )
        except PointerMovedError as error:
            raise RollbackError(
                f"{agent}: a promotion came in between; look at what serves now and run again"
            ) from error
    now = serving_history([*moves, moved])
    return Rollback(
        before=resolve(warehouse, agent, moves[-1]),
        after=resolve(warehouse, agent, moved),
        withdrawn=tuple(sorted(now.withdrawn.keys() - line.withdrawn.keys())),
    )


def _named(agent: str, moves: Sequence[Pointer], to: str) -> Pointer:
    """The newest record that `to` names; a beginning of digests must mean one model."""
    found = [move for move in moves if to in {move.version, move.version.partition("/")[0]}]
    if not found and len(to) >= MIN_DIGEST:
        found = [move for move in moves if move.content_digest.startswith(to)]
        if len({move.content_digest for move in found}) > 1:
            raise RollbackError(f"{agent}: several models begin with {to}; write more of the digest ({_served(moves)})")
    if not found:
        raise RollbackError(f"{agent}: {to} never served; those that did: {_served(moves)}")
    return found[-1]


def _served(moves: Sequence[Pointer]) -> str:
    shown = [f"{move.version.partition('/')[0]} {move.content_digest[:16]}" for move in moves]
    return ", ".join(dict.fromkeys(shown))


def _check_files(warehouse: Warehouse, agent: str, target: Pointer) -> None:
    """A model whose files were reclaimed or damaged must be built again before it can serve."""
    model = resolve(warehouse, agent, target)
    address = Address(agent=agent, asset="merged_model", partition=model.day)
    try:
        versions = warehouse.with_content(address, model.content_digest)
    except WarehouseError as error:
        raise RollbackError(str(error)) from error
    version = next((each for each in versions if each.folder == model.folder), None)
    damaged = ["manifest.json"] if version is None else damaged_files(version)
    if damaged:
        raise RollbackError(
            f"{model.folder}: {len(damaged)} files are missing or damaged ({damaged[0]}); "
            f"`toolft run {agent} --to {model.day}` builds the model of that day again"
        )
