"""Verify the files of the versions that a build reads.

Invariant: a build reads only what was committed. Before it starts, the manifest and every file of each input are
compared with the digests that were recorded, so that a file edited on disk stops the stage instead of deciding what it
makes. A stage that is reused reads nothing and verifies nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

from toolft_pipeline.stages.spec.stage import Inputs, StageError
from toolft_pipeline.warehouse.manifest import ArtifactKey
from toolft_pipeline.warehouse.store import Version, Warehouse

_SHOWN = 5
"""Damaged files of one version that are named."""


def verify_inputs(reader: str, inputs: Inputs, warehouse: Warehouse) -> None:
    """Raise one `StageError` that names every damaged input of `reader`, its files and the fix."""
    verify_versions(reader, [each for versions in inputs.values() for each in versions.values()], warehouse)


def verify_versions(reader: str, versions: Iterable[Version], warehouse: Warehouse) -> None:
    """The same for versions that are no declared inputs, such as the model in service before it is evaluated."""
    problems = [_problem(version, damaged) for version in versions if (damaged := warehouse.damage(version))]
    if problems:
        raise StageError(f"{reader}: {'; '.join(problems)}")


def _problem(version: Version, damaged: list[str]) -> str:
    address = version.manifest.address
    files = ", ".join(str(version.file(name)) for name in damaged[:_SHOWN])
    more = f" and {len(damaged) - _SHOWN} more" if len(damaged) > _SHOWN else ""
    return (
        f"its input {address} is damaged: {files}{more} missing or not as recorded; restore what was changed, or "
        f"rebuild the version with `{_rebuild(address)}`"
    )


def _rebuild(address: ArtifactKey) -> str:
    """A run reuses no damaged version: it needs no --force, which would rebuild the whole ones too."""
    if address.partition is None:
        return f"toolft run {address.agent} --sources"
    return f"toolft run {address.agent} --from {address.partition} --to {address.partition} --stage {address.asset}"
