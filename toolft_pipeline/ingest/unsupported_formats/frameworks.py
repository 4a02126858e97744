"""Session formats of agent frameworks and coding agents."""

from __future__ import annotations

from typing import Any

from toolft_pipeline.ingest.parsing.json_shape import has_keys, messages_of, objects, parts_of, text_at, value_at
from toolft_pipeline.ingest.unsupported_formats.entry import UnsupportedFormat

_OPENAI_MESSAGES = "convert each run to one object a line with OpenAI `messages`"

_CODEX = frozenset({"session_meta", "response_item", "event_msg", "turn_context", "compacted"})
_UI_PARTS = frozenset({"step-start", "dynamic-tool", "tool-invocation", "source-url", "source-document"})
_MODEL_PARTS = frozenset({"tool-call", "tool-result", "tool-error", "tool-approval-request"})


def _codex(row: Any) -> bool:
    return text_at(row, "type") in _CODEX and has_keys(row, "payload")


def _claude_code(row: Any) -> bool:
    return has_keys(row, "sessionId", "uuid") and has_keys(row, "message", "parentUuid")


def _pydantic_ai(row: Any) -> bool:
    listed = objects(row) or messages_of(row) or ([row] if isinstance(row, dict) else [])
    return any(one.get("kind") in ("request", "response") and isinstance(one.get("parts"), list) for one in listed)


def _ui_messages(row: Any) -> bool:
    listed = messages_of(row) or ([row] if isinstance(row, dict) else [])
    return any(has_keys(one, "role") and _is_ui(objects(one.get("parts"))) for one in listed)


def _is_ui(parts: list[dict[str, Any]]) -> bool:
    types = [text_at(part, "type") for part in parts]
    return any(types) and all(types)


def _model_messages(row: Any) -> bool:
    return any(text_at(part, "type") in _MODEL_PARTS for part in parts_of(row))


def _adk(row: Any) -> bool:
    listed = objects(value_at(row, "events")) or [row]
    return any(has_keys(one, "author") and isinstance(value_at(one, "content", "parts"), list) for one in listed)


def _autogen(row: Any) -> bool:
    listed = messages_of(row) or [row]
    return any(
        has_keys(one, "source", "type") and text_at(one, "type").endswith(("Message", "Event")) for one in listed
    )


def _semantic_kernel(row: Any) -> bool:
    listed = messages_of(row) or [row]
    return any("$type" in item for one in listed for key in ("Items", "items") for item in objects(value_at(one, key)))


def _llama_index(row: Any) -> bool:
    listed = messages_of(row) or [row]
    return any("block_type" in block for one in listed for block in objects(value_at(one, "blocks")))


def _haystack(row: Any) -> bool:
    listed = messages_of(row) or [row]
    return any(has_keys(one, "_role", "_content") for one in listed)


def _langchain_events(row: Any) -> bool:
    return text_at(row, "event").startswith("on_") and has_keys(row, "run_id")


def _open_hands(row: Any) -> bool:
    listed = objects(row) or objects(value_at(row, "history")) or [row]
    return any(has_keys(one, "id", "source") and ("action" in one or "observation" in one) for one in listed)


def _swe_agent(row: Any) -> bool:
    return any(has_keys(step, "action", "observation") for step in objects(value_at(row, "trajectory")))


def _gemini_cli(row: Any) -> bool:
    return has_keys(row, "sessionId") and any(text_at(one, "type") == "gemini" for one in messages_of(row))


FRAMEWORK_FORMATS: tuple[UnsupportedFormat, ...] = (
    UnsupportedFormat(
        name="a session of the Codex CLI (rollout)",
        advice=f"{_OPENAI_MESSAGES}; this file has one item of a session a line, not one run a line",
        row=_codex,
    ),
    UnsupportedFormat(
        name="a session of Claude Code",
        advice="write the `message` objects of a session as one object a line with Anthropic `messages`",
        row=_claude_code,
    ),
    UnsupportedFormat(
        name="a session of the Gemini CLI",
        advice=_OPENAI_MESSAGES,
        row=_gemini_cli,
    ),
    UnsupportedFormat(
        name="Pydantic AI's message history (all_messages_json)",
        advice=f"{_OPENAI_MESSAGES}, or export its OpenTelemetry spans (format otel)",
        row=_pydantic_ai,
    ),
    UnsupportedFormat(
        name="the Vercel AI SDK's UI messages (`parts`)",
        advice=f"{_OPENAI_MESSAGES}: a part tool-NAME holds a call (input) and its result (output)",
        row=_ui_messages,
    ),
    UnsupportedFormat(
        name="the Vercel AI SDK's model messages (parts tool-call and tool-result)",
        advice=f"{_OPENAI_MESSAGES}: tool-call is a tool call, tool-result a tool message",
        row=_model_messages,
    ),
    UnsupportedFormat(
        name="Google ADK's events",
        advice=f"{_OPENAI_MESSAGES}, or export its OpenTelemetry spans (format otel)",
        row=_adk,
    ),
    UnsupportedFormat(
        name="AutoGen's messages and events",
        advice=f"{_OPENAI_MESSAGES}, or export its OpenTelemetry spans (format otel)",
        row=_autogen,
    ),
    UnsupportedFormat(
        name="Semantic Kernel's chat history",
        advice=_OPENAI_MESSAGES,
        row=_semantic_kernel,
    ),
    UnsupportedFormat(
        name="LlamaIndex's chat messages (`blocks`)",
        advice=_OPENAI_MESSAGES,
        row=_llama_index,
    ),
    UnsupportedFormat(
        name="Haystack's chat messages",
        advice=f"{_OPENAI_MESSAGES}: ChatMessage.to_openai_dict_format() writes them",
        row=_haystack,
    ),
    UnsupportedFormat(
        name="LangChain's stream of events (astream_events)",
        advice="write the final state's messages with messages_to_dict instead",
        row=_langchain_events,
    ),
    UnsupportedFormat(
        name="a trajectory of SWE-agent",
        advice=_OPENAI_MESSAGES,
        row=_swe_agent,
    ),
    UnsupportedFormat(
        name="OpenHands' events",
        advice=_OPENAI_MESSAGES,
        row=_open_hands,
    ),
)
