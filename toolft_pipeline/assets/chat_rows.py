"""chat_rows[d]: verified runs as text, in pieces that say where the loss will sit."""

from __future__ import annotations

from toolft_pipeline.assets.stage import Group, Span, Stage, Work
from toolft_pipeline.chat.chat_rows import ROWS_FILE, write_chat_rows
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.verification.day import ACCEPTED_FILE
from toolft_pipeline.warehouse.digest import Json
from toolft_pipeline.warehouse.store import Built


def _reads(settings: AgentSettings) -> Json:
    return settings.chat.model_dump(mode="json", exclude={"max_length", "long_rows"})


def _build(work: Work) -> Built:
    summary = write_chat_rows(
        accepted=work.one("verified_trajectories").file(ACCEPTED_FILE),
        catalog=work.one("tool_catalog").file("catalog.json"),
        settings=work.settings,
        out=work.out,
    )
    return Built(
        content=(ROWS_FILE,),
        rows={"rows": summary.rows, "trajectories": summary.trajectories, "trained_turns": summary.trained_turns},
        headline={
            "characters": summary.characters,
            "trained_characters": summary.trained_characters,
            "without_assistant": summary.without_assistant,
        },
    )


STAGE = Stage(
    asset="chat_rows",
    description="Each run in the model's own chat template, in pieces marked trained or context.",
    group=Group.DATA,
    kinds=("parquet", "jinja"),
    code_version="1",
    inputs={"verified_trajectories": Span.SAME, "tool_catalog": Span.WHOLE},
    reads=_reads,
    build=_build,
)
