"""`logs`: where the logs lie, how they are read, and their limits."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from toolft_pipeline.settings.section import Section


class LogSettings(Section):
    """Where the agent's production logs lie."""

    folder: str = "logs"
    """Folder of the logs, relative to the agent file; one file a day or several, named YYYY-MM-DD, perhaps
    more, and an ending. A trace's spans are joined over all files of one day."""
    format: Literal[
        "auto",
        "openai",
        "langchain",
        "anthropic",
        "atif",
        "langsmith",
        "otel",
        "langfuse",
        "mlflow",
        "agents_sdk",
        "span_rows",
    ] = "auto"
    """How runs stand in a file. One a line: OpenAI chat, LangChain `messages_to_dict`, Anthropic messages, ATIF. As
    spans that are joined by trace: LangSmith runs, OpenTelemetry (OTLP JSON with the attributes of GenAI, OpenInference
    or the Vercel AI SDK; Tempo's answers too), Langfuse observations, MLflow traces, the OpenAI Agents SDK's traces,
    and spans as plain objects, which Arize Phoenix and `ReadableSpan.to_json` write. `auto` takes it from the first
    lines of each file and says what it took."""
    remote_parents: bool = False
    """Whether traces may begin below a span that these logs never hold, as another service's. Where a span says itself
    whether its parent is remote (OTLP's flags, Langfuse's root observations), that counts; elsewhere a trace with a
    missing parent is refused as incomplete: it may be a part of a run over midnight."""
    side_calls: tuple[str, ...] = ()
    """Model calls of a trace that are not the agent's own turns and are left out: those that write titles or tags, or
    guard an answer. Each is a pattern as of file names (`title*`, case ignored) that a call's name or model matches.
    Without it a trace with such calls is refused, for they are not one conversation."""
    golden: str | None = None
    """File of golden runs (same format), relative to the agent file: they skip the outcome rule and no other."""
    max_line_bytes: int = Field(4_000_000, gt=0)
    """A longer line is rejected before it is parsed. Images in base64 are a third larger than their files: raise it
    for agents whose tools answer with several of them."""
    max_image_bytes: int = Field(3_000_000, gt=0)
    """A run that shows a larger image (as a file) is rejected before the image is decoded from base64."""
    max_image_pixels: int = Field(16_000_000, gt=0)
    """A run that shows an image of more pixels, by its header, is rejected before a pixel is decoded: 16 million take
    64 MB, and no processor looks at more than a few."""
