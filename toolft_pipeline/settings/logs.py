"""`logs`: where the logs are, how they are read, and their limits."""

from __future__ import annotations

from pydantic import Field

from toolft_pipeline.settings.section import Section


class LogSettings(Section):
    """Folder, format and limits of the agent's production logs."""

    folder: str = "logs"
    """Folder of the logs, relative to the agent file. A day has one file or several, named YYYY-MM-DD, an optional
    suffix, and .jsonl, .jsonl.gz or .jsonl.zst. The spans of a trace are joined over all files of a day."""
    format: str = "auto"
    """Format of the log files: a name of docs/log_formats.md (`toolft lint --help` lists them too), or `auto`, which
    detects the format of each file by its first lines and reports it."""
    remote_parents: bool = False
    """Whether traces may begin below a span of another service, which these logs do not have. Spans that say themselves
    whether their parent is remote (OTLP's flags, Langfuse's root observations) decide alone; any other trace with a
    missing parent is rejected as incomplete, because it may be part of a run over midnight."""
    side_calls: tuple[str, ...] = ()
    """Model calls to leave out of traces because they are not the agent's turns: titles, tags, guardrails. Each entry
    is a shell pattern (`title*`, case ignored) for the name or the model of a call. Without it, a trace with such
    calls is rejected, because they are not one conversation."""
    golden: str | None = None
    """File of golden runs (same format), relative to the agent file. They skip the outcome rule and no other."""
    max_line_bytes: int = Field(4_000_000, gt=0)
    """Longer lines are rejected before they are parsed. Images in base64 are a third larger than their files: raise the
    limit for agents whose tools return several of them."""
    max_image_bytes: int = Field(3_000_000, gt=0)
    """Runs with a larger image file are rejected before the image is decoded from base64."""
    max_image_pixels: int = Field(16_000_000, gt=0)
    """Runs with an image of more pixels (by its header) are rejected before it is decoded. 16 million take 64 MB, and
    image processors use no more than a few million."""
