"""qlora_adapter[D]: a LoRA adapter over the 4-bit base, trained on the selected rows of the window."""

from __future__ import annotations

import pyarrow.parquet as pq

from toolft_pipeline.chat.token_tensors import TENSORS_FILE
from toolft_pipeline.curation.selection import SELECTION_FILE
from toolft_pipeline.settings import TRAINING_PLACEMENT, AgentSettings, TrainingSettings
from toolft_pipeline.stages.presentation import plots
from toolft_pipeline.stages.spec.settings_slice import fields_of
from toolft_pipeline.stages.spec.stage import BuildContext, Group, PartitionScope, Plot, Stage, StageError
from toolft_pipeline.stages.token_tensors import proof_report
from toolft_pipeline.training.base.base_checks import base_problems
from toolft_pipeline.training.base.base_model import source_name
from toolft_pipeline.training.train_adapter import PROGRESS_FILE, train_adapter
from toolft_pipeline.warehouse.digest import Json
from toolft_pipeline.warehouse.store import Built, Version

TRAINED_WITH = (*fields_of("training", TrainingSettings, but=TRAINING_PLACEMENT), "chat.format")
"""The settings that decide an adapter's weights and what it says of itself."""


BASE_NAME = ("base_model.package", "base_model.folder", "base_model.hub")
"""The settings that name the base model; they enter a fingerprint through `base_name`."""


def base_name(settings: AgentSettings) -> dict[str, Json]:
    """The base model as the adapter's config and the model card name it."""
    return {"base": source_name(settings.base_model)}


def _build(context: BuildContext) -> Built:
    days = context.inputs["token_tensors"]
    for day, version in days.items():
        for proof, result in proof_report(version).results.items():
            if result.n_failures:
                first = result.failures[0]
                raise StageError(
                    f"{context.settings.name}/token_tensors/{day}: proof {proof} is red on {result.n_failures} rows "
                    f"(first: {first.row_id}: {first.reason}); nothing is trained on them: mend the chat format"
                )
    base = context.input("base_model").file("model")
    if problems := base_problems(base, chat_format=context.settings.chat.format, training=context.settings.training):
        raise StageError(f"{context.settings.name}/qlora_adapter: {'; '.join(problems)}")
    summary = train_adapter(
        base=base,
        selection=context.input("training_set").file(SELECTION_FILE),
        tensors={day: version.file(TENSORS_FILE) for day, version in days.items()},
        settings=context.settings,
        checkpoints=context.scratch,
        out=context.out,
        progress=context.progress,
    )
    return Built(
        content=("adapter",),
        rows={"rows": summary.rows, "steps": summary.steps},
        headline={**summary.headline, "computed_in": summary.computed_in},
    )


def _plots(version: Version, _settings: AgentSettings) -> dict[str, Plot]:
    progress = pq.read_table(version.file(PROGRESS_FILE)).to_pydict()
    kept = [(step, loss) for step, loss in zip(progress["step"], progress["loss"], strict=True) if loss is not None]
    line = ([step for step, _ in kept], [loss for _, loss in kept])
    return {"loss": plots.curves({"training loss": line}, title="Loss on assistant tokens", label="step")}


STAGE = Stage(
    asset="qlora_adapter",
    description="The LoRA adapter trained as of a day on the window's verified runs; resumes where it was killed.",
    group=Group.MODEL,
    kinds=("pytorch", "safetensors"),
    code_version="5",
    inputs={
        "training_set": PartitionScope.SAME,
        "token_tensors": PartitionScope.WINDOW,
        "base_model": PartitionScope.WHOLE,
    },
    alike=frozenset({"base_model"}),
    settings=TRAINED_WITH,
    placement=("training", *BASE_NAME),
    derived=base_name,
    build=_build,
    accelerator=True,
    plots=_plots,
)
