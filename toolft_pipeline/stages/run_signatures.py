"""run_signatures[d]: the hashes of a day's runs that curation needs, so that a night hashes only the new day."""

from __future__ import annotations

from toolft_pipeline.curation.run_signatures import SIGNATURES_FILE, write_signatures
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.spec.stage import BuildContext, Group, PartitionScope, Stage
from toolft_pipeline.trajectories.accepted_table import read_accepted_rows
from toolft_pipeline.verification.day import ACCEPTED_FILE
from toolft_pipeline.warehouse.store import BuildOutput


def _volatile(settings: AgentSettings) -> list[str]:
    return [] if settings.sandbox is None else sorted(settings.sandbox.volatile)


def _build(context: BuildContext) -> BuildOutput:
    accepted = context.input("verified_trajectories").file(ACCEPTED_FILE)
    rows = write_signatures(
        read_accepted_rows(accepted),
        context.out / SIGNATURES_FILE,
        volatile=_volatile(context.settings),
    )
    return BuildOutput(content=(SIGNATURES_FILE,), rows={"runs": rows}, headline={})


STAGE = Stage(
    asset="run_signatures",
    description="MinHash signature and hash sets of each accepted run, computed once per day.",
    group=Group.DATA,
    kinds=("parquet",),
    code_version="6",
    inputs={"verified_trajectories": PartitionScope.SAME},
    settings=("sandbox.volatile",),
    build=_build,
)
