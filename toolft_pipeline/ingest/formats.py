"""The registry of log formats.

A format is added here alone: its reader's module declares it, this tuple lists it. Detection, reading, the values of
`logs.format`, `toolft lint --format` and messages use the registry; `test_formats.py` fails if a format has no sample
in the tests or no row in docs/log_formats.md.

No reader uses the converter of its format's own library, because none keeps what a reader promises. Compared with the
LangChain reader on one run, `convert_to_openai_messages` (langchain-core 1.7) drops `invalid_tool_calls`, the `status`
of a failed result and reasoning in `additional_kwargs`, passes unknown blocks through, reports a bad line with four
kinds of exception, and takes six times as long. LangSmith converts only on its server. Langfuse, MLflow and the package
atif have data models, but nothing that builds a conversation from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toolft_pipeline.ingest.lines.anthropic_messages import ANTHROPIC
from toolft_pipeline.ingest.lines.atif import ATIF
from toolft_pipeline.ingest.lines.langchain import LANGCHAIN
from toolft_pipeline.ingest.lines.openai_table import OPENAI
from toolft_pipeline.ingest.parsing.log_format import LineFormat
from toolft_pipeline.ingest.spans.agents_sdk import AGENTS_SDK
from toolft_pipeline.ingest.spans.langfuse import LANGFUSE
from toolft_pipeline.ingest.spans.langsmith import LANGSMITH
from toolft_pipeline.ingest.spans.mlflow_traces import MLFLOW
from toolft_pipeline.ingest.spans.otel_genai import OTEL
from toolft_pipeline.ingest.spans.span import SpanFormat
from toolft_pipeline.ingest.spans.span_rows import SPAN_ROWS

_REGISTERED: tuple[LineFormat | SpanFormat, ...] = (
    OTEL,
    MLFLOW,
    LANGSMITH,
    LANGFUSE,
    AGENTS_SDK,
    SPAN_ROWS,
    ATIF,
    LANGCHAIN,
    ANTHROPIC,
    OPENAI,
)
"""In the order of detection: the first format that recognizes a line wins."""

FORMATS: Mapping[str, LineFormat | SpanFormat] = {one.name: one for one in _REGISTERED}
LINE_FORMATS: Mapping[str, LineFormat] = {one.name: one for one in _REGISTERED if isinstance(one, LineFormat)}
SPAN_FORMATS: Mapping[str, SpanFormat] = {one.name: one for one in _REGISTERED if isinstance(one, SpanFormat)}

AUTO = "auto"
"""The value of `logs.format` that detects the format of each file."""

DEFAULT_FORMAT = OPENAI.name
"""The format of a file whose format no line shows."""


def recognize_format(row: Any) -> str | None:
    """Return the only possible format of a decoded line, None if several are."""
    return next((one.name for one in _REGISTERED if one.recognizes(row)), None)
