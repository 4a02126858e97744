"""The formats of logs, one run a line or one span, and how a file shows which one it is.

Invariant: a reader is chosen once for a file, by name or by the first line that leaves no doubt.

No reader hands a line to its library's own converter, because none of those keeps what a reader promises. Beside the
LangChain reader on one run, `convert_to_openai_messages` (langchain-core 1.7) leaves out `invalid_tool_calls`, the
`status` of a failed result and reasoning in `additional_kwargs`, passes blocks that it does not know on, tells a bad
line by four kinds of exception, and takes six times as long. LangSmith converts on its server alone; Langfuse, MLflow
and the package atif bring models, and nothing that makes a conversation of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from toolft_pipeline.ingest.lines import anthropic_messages, atif, langchain, openai_chat
from toolft_pipeline.ingest.lines.anthropic_messages import read_anthropic_line
from toolft_pipeline.ingest.lines.atif import read_atif_line
from toolft_pipeline.ingest.lines.langchain import LANGCHAIN_ROLES, read_langchain_line
from toolft_pipeline.ingest.lines.openai_chat import read_openai_line
from toolft_pipeline.ingest.parsing.json_constants import replace_constants
from toolft_pipeline.ingest.parsing.json_shape import any_json
from toolft_pipeline.ingest.parsing.keys_not_read import FormatKeys
from toolft_pipeline.ingest.parsing.log_lines import read_lines
from toolft_pipeline.ingest.parsing.nested_json import is_too_deep
from toolft_pipeline.ingest.parsing.reading import LineReader
from toolft_pipeline.ingest.spans.agents_sdk import AgentsSdk
from toolft_pipeline.ingest.spans.langfuse import Langfuse
from toolft_pipeline.ingest.spans.langsmith import LangSmith
from toolft_pipeline.ingest.spans.mlflow_traces import MlflowTraces
from toolft_pipeline.ingest.spans.otel_genai import OtelGenAi
from toolft_pipeline.ingest.spans.span import SpanFormat
from toolft_pipeline.ingest.spans.span_rows import SpanRows

READERS: Mapping[str, LineReader] = {
    "openai": read_openai_line,
    "langchain": read_langchain_line,
    "anthropic": read_anthropic_line,
    "atif": read_atif_line,
}

LINE_KEYS: Mapping[str, FormatKeys] = {
    "openai": openai_chat.KEYS,
    "langchain": langchain.KEYS,
    "anthropic": anthropic_messages.KEYS,
    "atif": atif.KEYS,
}
"""The keys that each of these readers knows."""

SPAN_FORMATS: Mapping[str, SpanFormat] = {
    "langsmith": LangSmith(),
    "otel": OtelGenAi(),
    "langfuse": Langfuse(),
    "mlflow": MlflowTraces(),
    "agents_sdk": AgentsSdk(),
    "span_rows": SpanRows(),
}

MAX_DETECTION_LINES = 100
"""Lines that are looked at before a file counts as OpenAI chat: only runs without any call leave a doubt so long, and
every format says those in the same way."""


DEFAULT_FORMAT = "openai"
"""How a file is read where no line tells its format."""


def detect_format(path: Path, *, max_line_bytes: int) -> str | None:
    """The format of a file by its first telling line, None where none tells. Raises `OSError`."""
    for line in islice(read_lines(path, max_line_bytes=max_line_bytes), MAX_DETECTION_LINES):
        if line.rejection is None and not line.blank and not is_too_deep(line.data):
            told = _told_by(line.data)
            if told is not None:
                return told
    return None


def _told_by(data: bytes) -> str | None:
    try:
        row = any_json(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        plain = replace_constants(data)
        return None if plain is None else _told_by(plain)
    return recognize_format(row)


def recognize_format(row: Any) -> str | None:
    """The format that a decoded line leaves no doubt of."""
    return next((name for name, shows in _SHOWS.items() if shows(row)), None)


def _messages(row: Any) -> list[dict[str, Any]]:
    found = row.get("messages") if isinstance(row, dict) else row
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _shows_atif(row: Any) -> bool:
    return isinstance(row, dict) and str(row.get("schema_version")).startswith("ATIF-")


def _shows_langchain(row: Any) -> bool:
    return any(map(_is_langchain, _messages(row)))


def _is_langchain(message: dict[str, Any]) -> bool:
    """Whether a message is wrapped (`messages_to_dict`), a constructor (`dumpd`) or bare (`model_dump`)."""
    kind = message.get("type")
    if not isinstance(kind, str):
        return False
    if isinstance(message.get("data"), dict) or (kind == "constructor" and "kwargs" in message):
        return True
    return "role" not in message and "content" in message and kind in LANGCHAIN_ROLES


def _shows_anthropic(row: Any) -> bool:
    """By the blocks of its messages alone: a `system` beside the messages stands in files of other formats too."""
    contents = [message["content"] for message in _messages(row) if isinstance(message.get("content"), list)]
    blocks = [block for content in contents for block in content if isinstance(block, dict)]
    return any(block.get("type") in ("tool_use", "tool_result", "thinking") for block in blocks)


def _shows_openai(row: Any) -> bool:
    return any(
        "tool_calls" in message or message.get("role") in ("tool", "system", "developer") for message in _messages(row)
    )


def _shows_otel(row: Any) -> bool:
    if not isinstance(row, dict):
        return False
    inner = row.get("trace")
    return any(
        "resourceSpans" in one or _are_batches(one.get("batches")) for one in (row, inner) if isinstance(one, dict)
    )


def _are_batches(value: Any) -> bool:
    """Whether a value is what Tempo answers under `batches`: spans by their scopes."""
    names = ("scopeSpans", "instrumentationLibrarySpans")
    return isinstance(value, list) and any(name in one for one in value if isinstance(one, dict) for name in names)


def _shows_mlflow(row: Any) -> bool:
    return isinstance(row, dict) and isinstance(row.get("info"), dict) and "spans" in (row.get("data") or ())


def _shows_langsmith(row: Any) -> bool:
    return isinstance(row, dict) and "run_type" in row and ("trace_id" in row or "dotted_order" in row)


def _shows_langfuse(row: Any) -> bool:
    if not isinstance(row, dict):
        return False
    observed = row.get("type") in _OBSERVATIONS and ("traceId" in row or "trace_id" in row)
    inner = row.get("trace")
    head = inner if isinstance(inner, dict) else row
    return observed or (isinstance(row.get("observations"), list) and "id" in head)


def _shows_agents_sdk(row: Any) -> bool:
    if not isinstance(row, dict):
        return False
    batch = row.get("data")
    listed = batch if isinstance(batch, list) else [row]
    return any(one.get("object") in ("trace", "trace.span") for one in listed if isinstance(one, dict))


def _shows_span_rows(row: Any) -> bool:
    if not isinstance(row, dict):
        return False
    context = row.get("context")
    nested = isinstance(context, dict) and "trace_id" in context and isinstance(row.get("attributes"), dict)
    return nested or ("context.trace_id" in row and "context.span_id" in row)


_OBSERVATIONS = (
    "GENERATION",
    "SPAN",
    "TOOL",
    "AGENT",
    "CHAIN",
    "EVENT",
    "RETRIEVER",
    "GUARDRAIL",
    "EVALUATOR",
    "EMBEDDING",
)
_SHOWS: Mapping[str, Callable[[Any], bool]] = {
    "otel": _shows_otel,
    "mlflow": _shows_mlflow,
    "langsmith": _shows_langsmith,
    "langfuse": _shows_langfuse,
    "agents_sdk": _shows_agents_sdk,
    "span_rows": _shows_span_rows,
    "atif": _shows_atif,
    "langchain": _shows_langchain,
    "anthropic": _shows_anthropic,
    "openai": _shows_openai,
}
