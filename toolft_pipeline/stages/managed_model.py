"""merged_model[D] of an agent with a `managed` section: nothing is merged, the model stays at its host.

The version holds the small JSON by which the model is asked, so that verdict, pointer, rollback and lineage are those
of every model. The checks of a merge do not apply, and none of them is claimed.
"""

from __future__ import annotations

from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.spec.stage import (
    BuildContext,
    Check,
    CheckOutcome,
    Group,
    PartitionScope,
    Stage,
    StageError,
)
from toolft_pipeline.training.managed.hosted_model import MODEL_FOLDER, file_is_as_uploaded, read_hosted, write_hosted
from toolft_pipeline.warehouse.store import BuildOutput, Version


def _build(context: BuildContext) -> BuildOutput:
    adapter = context.input("qlora_adapter")
    model = read_hosted(adapter.folder)
    if model is None:
        raise StageError(
            f"{adapter.manifest.address} was trained on this machine, before the `managed` section: materialize it "
            "again"
        )
    write_hosted(model, context.out)
    context.progress(f"nothing to merge: {model.where} stays at its host")
    return BuildOutput(
        content=(MODEL_FOLDER,),
        rows={},
        headline={
            "hosted_model": model.model,
            "host": model.inference_url,
            "job": model.job,
            "merge": "does not apply: the weights stay at the host",
            "uploaded_as_recorded": file_is_as_uploaded(adapter.folder, model),
        },
    )


def _uploaded(version: Version, _settings: AgentSettings) -> CheckOutcome:
    headline = version.manifest.headline
    return CheckOutcome(
        passed=bool(headline["uploaded_as_recorded"]),
        detail={name: headline[name] for name in ("hosted_model", "job")},
        description="The checks of a merge do not apply: the weights stay at the host.",
    )


STAGE = Stage(
    asset="merged_model",
    description="Where the hosted model is asked: its name, its host and its job; nothing is merged.",
    group=Group.MODEL,
    kinds=("json",),
    code_version="1",
    inputs={"qlora_adapter": PartitionScope.SAME},
    build=_build,
    hosted=True,
    checks=(
        Check(
            name="uploaded_file",
            description="The training file is the one that was uploaded, and passes its validation.",
            blocking=True,
            evaluate=_uploaded,
        ),
    ),
    reclaimable=True,
)
