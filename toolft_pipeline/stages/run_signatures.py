"""run_signatures[d]: what curation needs to know of a day's runs, so that a new day costs a new day."""

from __future__ import annotations

from toolft_pipeline.curation.run_signatures import SIGNATURES_FILE, write_signatures
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.spec.stage import BuildContext, Group, PartitionScope, Stage
from toolft_pipeline.trajectories.table import read_trajectories
from toolft_pipeline.verification.day import ACCEPTED_FILE
from toolft_pipeline.warehouse.store import Built


def _volatile(settings: AgentSettings) -> list[str]:
    return [] if settings.sandbox is None else sorted(settings.sandbox.volatile)


def _build(context: BuildContext) -> Built:
    accepted = context.input("verified_trajectories").file(ACCEPTED_FILE)
    forms = context.settings.verification.error_forms
    rows = write_signatures(
        read_trajectories(accepted),
        context.out / SIGNATURES_FILE,
        error_forms=forms,
        volatile=_volatile(context.settings),
    )
    return Built(content=(SIGNATURES_FILE,), rows={"runs": rows}, headline={})


STAGE = Stage(
    asset="run_signatures",
    description="Each accepted run's MinHash signature and sets of hashes: the window's days are never hashed again.",
    group=Group.DATA,
    kinds=("parquet",),
    code_version="4",
    inputs={"verified_trajectories": PartitionScope.SAME},
    settings=("verification.error_forms", "sandbox.volatile"),
    build=_build,
)
