"""Find the version of merged_model to serve, and refuse one whose files are not what was committed.

Invariant: a version is served only if its manifest and every file have the recorded digests, so that no edited or
half-copied model ever answers.
"""

from __future__ import annotations

from toolft_pipeline.errors import FixableError
from toolft_pipeline.evaluation.promotion.model_registry import in_service
from toolft_pipeline.training.managed.hosted_model import read_hosted
from toolft_pipeline.warehouse.gc import is_reclaimed
from toolft_pipeline.warehouse.manifest import ArtifactKey
from toolft_pipeline.warehouse.store import Version, Warehouse, WarehouseError

MODEL = "merged_model"

CANDIDATE = "candidate"
"""Names the newest merged model, whatever the gate says of it."""


class ModelNotServableError(FixableError, RuntimeError):
    """There is no such model, or it cannot be served; one line that ends with the command to run next."""


def find_model(warehouse: Warehouse, agent: str, version: str | None) -> Version:
    """The model in service (None), the current one of an as-of day, or the newest (`candidate`).

    Raises `ModelNotServableError`.
    """
    if version is None:
        serving = in_service(warehouse, agent)
        if serving is None:
            raise ModelNotServableError(
                f"{agent}: no model is in service; `toolft run {agent}` makes, evaluates and promotes one"
                + _newest_hint(warehouse, agent)
            )
        try:
            return warehouse.open(serving.folder)
        except WarehouseError as error:
            raise ModelNotServableError(
                f"{agent}: the model in service, {serving}, is missing ({error}); `toolft rollback {agent}` puts the "
                "previous model in service"
            ) from error
    days = warehouse.partitions(agent, MODEL)
    day = days[-1] if version == CANDIDATE and days else version
    found = warehouse.current(ArtifactKey(agent=agent, asset=MODEL, partition=day)) if day in days else None
    if found is None:
        there = f"there are those of {', '.join(days)}" if days else f"`toolft run {agent}` makes one"
        named = "" if version == CANDIDATE else f" as of {version}"
        raise ModelNotServableError(f"{agent}: no merged model{named}; {there}")
    return found


def verify_model(warehouse: Warehouse, version: Version) -> None:
    """Compare every file with the manifest. Raises `ModelNotServableError`."""
    address = version.manifest.address
    hosted = read_hosted(version.folder)
    if hosted is not None:
        key = "no key" if hosted.key_from is None else f"the key in ${hosted.key_from}"
        raise ModelNotServableError(
            f"{address} stays at its host, so there are no weights to serve: point the agent's OpenAI client at "
            f"{hosted.inference_url}, model {hosted.model}, with {key}; `toolft rollback {address.agent}` serves the "
            "model before it"
        )
    rebuild = f"`toolft run {address.agent} --to {address.partition}` rebuilds it"
    if is_reclaimed(version):
        raise ModelNotServableError(
            f"{address}: retention removed the weights of {version.folder.name}, only its manifest is left; {rebuild}, "
            "and retention.merged_models keeps more"
        )
    try:
        damaged = warehouse.damage(version)
    except OSError as error:
        raise ModelNotServableError(f"{version.folder}: cannot be read ({error}); {rebuild}") from error
    if damaged:
        more = f" and {len(damaged) - 1} more" if len(damaged) > 1 else ""
        raise ModelNotServableError(
            f"{version.file(damaged[0])}{more}: missing or not as recorded, so the model is not served; restore what "
            f"was changed, or {rebuild}"
        )


def _newest_hint(warehouse: Warehouse, agent: str) -> str:
    days = warehouse.partitions(agent, MODEL)
    return f", `--version {CANDIDATE}` serves that of {days[-1]} without a verdict" if days else ""
