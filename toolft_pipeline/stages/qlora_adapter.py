"""qlora_adapter[D]: a LoRA adapter over the 4-bit base, trained on the selected rows of the window."""

from __future__ import annotations

from typing import Any

import pyarrow.parquet as pq

from toolft_pipeline.chat.token_tensors import TENSORS_FILE
from toolft_pipeline.curation.selection import SELECTION_FILE
from toolft_pipeline.settings import CHECKPOINT_CHOICE, TRAINING_PLACEMENT, AgentSettings, TrainingSettings
from toolft_pipeline.stages.presentation import plots
from toolft_pipeline.stages.spec.settings_slice import fields_of
from toolft_pipeline.stages.spec.stage import BuildContext, Group, PartitionScope, Plot, Stage, StageError
from toolft_pipeline.stages.token_tensors import unproven
from toolft_pipeline.training.base.base_checks import base_problems
from toolft_pipeline.training.base.base_model import source_name
from toolft_pipeline.training.train_adapter import PROGRESS_FILE, AdapterNames, train_adapter
from toolft_pipeline.warehouse.digest import Json
from toolft_pipeline.warehouse.store import BuildOutput, Version

TRAINED_WITH = (*fields_of("training", TrainingSettings, but=TRAINING_PLACEMENT | CHECKPOINT_CHOICE), "chat.format")
"""The settings that decide an adapter's weights and what it says of itself; those that choose among checkpoints enter
through `_derived`."""


BASE_NAME = ("base_model.package", "base_model.folder", "base_model.hub")
"""The settings that name the base model; they enter a fingerprint through `base_name`."""


def base_name(settings: AgentSettings) -> dict[str, Json]:
    """The base model as the adapter's config and the model card name it."""
    return {"base": source_name(settings.base_model)}


def _derived(settings: AgentSettings) -> dict[str, Json]:
    """The base's name, and how a checkpoint is chosen where that differs from the default."""
    fields = TrainingSettings.model_fields
    choice: dict[str, Json] = {
        name: value
        for name in sorted(CHECKPOINT_CHOICE)
        if (value := getattr(settings.training, name)) != fields[name].default
    }
    return {**base_name(settings), **({"checkpoint_choice": choice} if choice else {})}


def _build(context: BuildContext) -> BuildOutput:
    days = context.inputs["token_tensors"]
    for day, version in days.items():
        for proof, problem in unproven(version).items():
            raise StageError(
                f"{context.settings.name}/token_tensors/{day}: proof {proof} {problem}; fix the chat format before "
                "training"
            )
    base = context.input("base_model").file("model")
    if problems := base_problems(base, chat_format=context.settings.chat.format, training=context.settings.training):
        raise StageError(f"{context.settings.name}/qlora_adapter: {'; '.join(problems)}")
    summary = train_adapter(
        base=base,
        names=AdapterNames(base=source_name(context.settings.base_model), chat_format=context.settings.chat.format),
        selection=context.input("training_set").file(SELECTION_FILE),
        tensors={day: version.file(TENSORS_FILE) for day, version in days.items()},
        training=context.settings.training,
        checkpoints=context.scratch,
        out=context.out,
        progress=context.progress,
    )
    return BuildOutput(
        content=("adapter",),
        rows={"rows": summary.rows, "steps": summary.steps},
        headline={**summary.headline, "computed_in": summary.computed_in},
    )


def _plots(version: Version, _settings: AgentSettings) -> dict[str, Plot]:
    progress = pq.read_table(version.file(PROGRESS_FILE)).to_pydict()
    losses = {"training loss": _line(progress, "loss"), "validation loss": _line(progress, "validation_loss")}
    shown = {name: line for name, line in losses.items() if line[0]}
    made = {"loss": plots.curves(shown, title="Loss on assistant tokens", label="step")}
    if (exact := _line(progress, "exact_match"))[0]:
        made["exact_match"] = plots.curves({"exact match": exact}, title="Exact match on held-out steps", label="step")
    return made


def _line(progress: dict[str, list[Any]], name: str) -> tuple[list[float], list[float]]:
    """The steps at which a figure was measured, and the figure; an older release has fewer figures."""
    points = [(step, y) for step, y in zip(progress["step"], progress.get(name, []), strict=False) if y is not None]
    return [step for step, _ in points], [y for _, y in points]


STAGE = Stage(
    asset="qlora_adapter",
    description="The LoRA adapter, trained as of a day on the window's verified runs; a killed run resumes.",
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
    derived=_derived,
    build=_build,
    accelerator=True,
    plots=_plots,
)
