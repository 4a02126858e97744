"""qlora_adapter[D] of an agent with a `managed` section: the model, fine-tuned by a job at a host.

The asset keeps its name: what is downstream reads a trained model, wherever its weights are.
"""

from __future__ import annotations

from toolft_pipeline.catalog.build import load_catalog
from toolft_pipeline.chat.token_tensors import TENSORS_FILE
from toolft_pipeline.curation.selection import SELECTION_FILE
from toolft_pipeline.settings import AgentSettings, ManagedSettings
from toolft_pipeline.stages.qlora_adapter import loss_plots
from toolft_pipeline.stages.spec.stage import BuildContext, Group, Inputs, PartitionScope, Plot, Stage, StageError
from toolft_pipeline.stages.token_tensors import require_proven
from toolft_pipeline.training.managed.hosted_model import MODEL_FOLDER
from toolft_pipeline.training.managed.train_managed import Job, Window, train_managed
from toolft_pipeline.verification.day import ACCEPTED_FILE
from toolft_pipeline.warehouse.digest import Json
from toolft_pipeline.warehouse.store import BuildOutput, Version


def _managed(settings: AgentSettings) -> ManagedSettings:
    if settings.managed is None:
        raise StageError(f"{settings.name}: no `managed` section, so no host trains the model; add it, or run again")
    return settings.managed


def _derived(settings: AgentSettings) -> dict[str, Json]:
    return {"managed": _managed(settings).identity}


def training_window(settings: AgentSettings, inputs: Inputs) -> Window:
    """The rows that a job is given: those that training on this machine would draw."""
    return Window(
        selection=next(iter(inputs["training_set"].values())).file(SELECTION_FILE),
        tensors={day: version.file(TENSORS_FILE) for day, version in inputs["token_tensors"].items()},
        accepted={day: version.file(ACCEPTED_FILE) for day, version in inputs["verified_trajectories"].items()},
        catalog=load_catalog(next(iter(inputs["tool_catalog"].values())).folder),
        chat=settings.chat,
        token_budget=settings.training.token_budget,
    )


def _build(context: BuildContext) -> BuildOutput:
    settings = context.settings
    require_proven(context.inputs["token_tensors"].values())
    summary = train_managed(
        window=training_window(settings, context.inputs),
        managed=_managed(settings),
        job=Job(
            agent=settings.name,
            day=context.day,
            seed=settings.training.seed,
            again=(context.run_id or "forced") if context.force else "",
        ),
        record_in=context.scratch,
        out=context.out,
        progress=context.progress,
    )
    return BuildOutput(content=(MODEL_FOLDER,), rows={"rows": summary.rows}, headline=summary.headline)


def _plots(version: Version, settings: AgentSettings) -> dict[str, Plot]:
    """The loss, where the host reports one."""
    has_losses = bool(version.manifest.headline.get("has_losses"))
    return loss_plots(version, settings) if has_losses else {}


STAGE = Stage(
    asset="qlora_adapter",
    description="The model, fine-tuned by one job at a host as of a day on the window's verified runs; it stays there.",
    group=Group.MODEL,
    kinds=("json", "jsonl"),
    code_version="1",
    inputs={
        "training_set": PartitionScope.SAME,
        "token_tensors": PartitionScope.WINDOW,
        "verified_trajectories": PartitionScope.WINDOW,
        "tool_catalog": PartitionScope.WHOLE,
    },
    settings=("training.token_budget", "training.seed", "chat"),
    placement=("managed",),
    derived=_derived,
    build=_build,
    hosted=True,
    plots=_plots,
    unshown=frozenset({"has_losses"}),
)
