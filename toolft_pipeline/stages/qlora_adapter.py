"""qlora_adapter[D]: what training on the selected rows of the window made: a LoRA adapter, or all weights."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import pyarrow.parquet as pq

from toolft_pipeline.chat.token_tensors import TENSORS_FILE
from toolft_pipeline.curation.selection import SELECTION_FILE
from toolft_pipeline.settings import (
    ENTERS_IF_CHANGED,
    TRAINING_PLACEMENT,
    AgentSettings,
    TrainingSettings,
    changed_from_default,
)
from toolft_pipeline.stages.presentation import plots
from toolft_pipeline.stages.replay_rows import wants_replay_rows
from toolft_pipeline.stages.spec.settings_slice import fields_of, settings_values
from toolft_pipeline.stages.spec.stage import BuildContext, Group, PartitionScope, Plot, Stage, StageError
from toolft_pipeline.stages.token_tensors import require_proven
from toolft_pipeline.training.base.base_checks import base_problems
from toolft_pipeline.training.base.base_model import source_name
from toolft_pipeline.training.rows.mixing import REPLAY_ROWS
from toolft_pipeline.training.train_adapter import PROGRESS_FILE, AdapterNames, train_adapter
from toolft_pipeline.warehouse.digest import Json
from toolft_pipeline.warehouse.store import BuildOutput, Version

TRAINED_WITH = (*fields_of("training", TrainingSettings, but=TRAINING_PLACEMENT | ENTERS_IF_CHANGED), "chat.format")
"""The settings that decide an adapter's weights and what it says of itself; the newer ones enter through `_derived`."""


BASE_NAME = ("base_model.package", "base_model.folder", "base_model.hub")
"""The settings that name the base model; they enter a fingerprint through `base_name`."""


def base_name(settings: AgentSettings) -> dict[str, Json]:
    """The base model as the adapter's config and the model card name it."""
    return {"base": source_name(settings.base_model)}


def training_values(settings: AgentSettings, keys: Iterable[str]) -> dict[str, Json]:
    """The section `training` of a fingerprint: the values of its keys among these, and `quantization`.

    `quantization` was a key before `training.method` was: with it, versions from then stay up to date.
    """
    named = settings_values(settings, [key for key in keys if key.startswith("training.")])
    return {"training": {**cast("dict[str, Json]", named["training"]), "quantization": settings.training.quantization}}


def _derived(settings: AgentSettings) -> dict[str, Json]:
    changed = changed_from_default(settings.training)
    return {
        **base_name(settings),
        **training_values(settings, TRAINED_WITH),
        **({"changed": changed} if changed else {}),
    }


def _build(context: BuildContext) -> BuildOutput:
    days, others = context.inputs["token_tensors"], _replay_rows(context)
    require_proven([*days.values(), *others.values()])
    base = context.input("base_model").file("model")
    if problems := base_problems(base, chat_format=context.settings.chat.format, training=context.settings.training):
        raise StageError(f"{context.settings.name}/qlora_adapter: {'; '.join(problems)}")
    summary = train_adapter(
        base=base,
        names=AdapterNames(base=source_name(context.settings.base_model), chat_format=context.settings.chat.format),
        selection=context.input("training_set").file(SELECTION_FILE),
        tensors={name: version.file(TENSORS_FILE) for name, version in {**days, **others}.items()},
        training=context.settings.training,
        checkpoints=context.scratch,
        out=context.out,
        progress=context.progress,
    )
    return BuildOutput(
        content=("adapter",),
        rows={"rows": summary.rows, "steps": summary.steps},
        headline={
            **summary.headline,
            "peak_memory_gb": round(summary.peak_memory_gb, 2),
            "computed_in": summary.computed_in,
        },
    )


def _replay_rows(context: BuildContext) -> dict[str, Version]:
    """The version of replay_rows under its name, where the settings ask for a share of it."""
    if not wants_replay_rows(context.settings):
        return {}
    version = context.optional_input(REPLAY_ROWS)
    if version is None or not version.manifest.rows["asked"]:
        raise StageError(
            f"{context.settings.name}/qlora_adapter: training.replay_share or decline_share is set, and {REPLAY_ROWS} "
            f"has no rows; run `toolft run {context.settings.name} --stage {REPLAY_ROWS}`"
        )
    return {REPLAY_ROWS: version}


def loss_plots(version: Version, _settings: AgentSettings) -> dict[str, Plot]:
    progress = pq.read_table(version.file(PROGRESS_FILE)).to_pydict()
    losses = {"training loss": _line(progress, "loss"), "validation loss": _line(progress, "validation_loss")}
    shown = {name: line for name, line in losses.items() if line[0]}
    made = {"loss": plots.curves(shown, title="Loss on assistant tokens", label="step")}
    for name, (title, lines) in _CURVES.items():
        measured = {label: _line(progress, column) for label, column in lines.items()}
        if measured := {label: line for label, line in measured.items() if line[0]}:
            made[name] = plots.curves(measured, title=title, label="step")
    return made


_CURVES = {
    "exact_match": ("Exact match on held-out steps", {"exact match": "exact_match"}),
    "accuracy": (
        "Share of assistant tokens that are the most likely ones",
        {"training": "token_accuracy", "validation": "validation_token_accuracy"},
    ),
    "learning_rate": ("Learning rate", {"learning rate": "learning_rate"}),
    "speed": ("Tokens per second", {"all tokens": "tokens_per_s", "tokens with loss": "loss_tokens_per_s"}),
    "memory": ("Peak memory in GiB", {"peak so far": "peak_memory_gb"}),
}
"""Further plots: title, and lines by label with their column; a figure that was not measured has no line."""


def _line(progress: dict[str, list[Any]], name: str) -> tuple[list[float], list[float]]:
    """The steps at which a figure was measured, and the figure; an older release has fewer figures."""
    points = [(step, y) for step, y in zip(progress["step"], progress.get(name, []), strict=False) if y is not None]
    return [step for step, _ in points], [y for _, y in points]


STAGE = Stage(
    asset="qlora_adapter",
    description="The LoRA adapter, or with `training.method: full` all weights, trained as of a day on the window's "
    "verified runs; a killed run resumes.",
    group=Group.MODEL,
    kinds=("pytorch", "safetensors"),
    code_version="7",
    inputs={
        "training_set": PartitionScope.SAME,
        "token_tensors": PartitionScope.WINDOW,
        REPLAY_ROWS: PartitionScope.WHOLE,
        "base_model": PartitionScope.WHOLE,
    },
    optional={REPLAY_ROWS: wants_replay_rows},
    alike=frozenset({"base_model"}),
    settings=TRAINED_WITH,
    placement=("training", *BASE_NAME),
    derived=_derived,
    build=_build,
    accelerator=True,
    processes=lambda settings: settings.training.processes,
    plots=loss_plots,
)
