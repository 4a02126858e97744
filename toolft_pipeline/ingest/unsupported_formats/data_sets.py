"""Formats of training sets, which fine-tuning tools read but agents do not log."""

from __future__ import annotations

from typing import Any

from toolft_pipeline.ingest.parsing.json_shape import has_keys, objects, text_at, value_at
from toolft_pipeline.ingest.unsupported_formats.entry import UnsupportedFormat

_MESSAGES = "convert each run to OpenAI `messages`"


def _turns(row: Any) -> list[dict[str, Any]]:
    lists = (row, *(value_at(row, key) for key in ("conversations", "conversation", "messages", "items")))
    return [turn for turns in map(objects, lists) for turn in turns]


def _llama_factory(row: Any) -> bool:
    return any(turn.get("from") in ("function_call", "observation") and "value" in turn for turn in _turns(row))


def _share_gpt(row: Any) -> bool:
    return any(has_keys(turn, "from", "value") for turn in _turns(row))


def _conversations(row: Any) -> bool:
    if not isinstance(row, dict) or "messages" in row:
        return False
    return any("role" in turn and "content" in turn for value in row.values() for turn in objects(value))


def _one_message(row: Any) -> bool:
    return has_keys(row, "role", "content") and "messages" not in row


def _preference(row: Any) -> bool:
    return has_keys(row, "chosen", "rejected")


def _instruction(row: Any) -> bool:
    return has_keys(row, "instruction", "output") or has_keys(row, "instruction", "response")


def _prompt(row: Any) -> bool:
    return has_keys(row, "prompt", "completion") or has_keys(row, "prompt", "response")


def _query_answers(row: Any) -> bool:
    return has_keys(row, "query", "answers")


def _flat_chat(row: Any) -> bool:
    return text_at(row, "chat") != "" and "USER:" in text_at(row, "chat")


def _text(row: Any) -> bool:
    return isinstance(row, dict) and set(row) <= {"text", "id", "meta", "source"} and "text" in row


DATA_SET_FORMATS: tuple[UnsupportedFormat, ...] = (
    UnsupportedFormat(
        name="LLaMA-Factory's ShareGPT format (`from`: function_call, observation)",
        advice=f"{_MESSAGES}: function_call is an assistant message with tool_calls, observation a tool message",
        row=_llama_factory,
    ),
    UnsupportedFormat(
        name="ShareGPT or Hermes (`from` and `value`)",
        advice=f"{_MESSAGES}: a <tool_call> in the text of gpt is one of tool_calls, tool a tool message",
        row=_share_gpt,
    ),
    UnsupportedFormat(
        name="a chat under another key than `messages`",
        advice="rename the key, for example `jq -c '.messages = .conversations' FILE`",
        row=_conversations,
    ),
    UnsupportedFormat(
        name="one message a line",
        advice="write all messages of a run as one object a line, under `messages`",
        row=_one_message,
    ),
    UnsupportedFormat(
        name="a preference data set (chosen and rejected)",
        advice=f"{_MESSAGES} of real runs: what the agent did, with its outcome",
        row=_preference,
    ),
    UnsupportedFormat(
        name="a data set of queries and answers (xLAM)",
        advice=f"{_MESSAGES} with the results of the calls",
        row=_query_answers,
    ),
    UnsupportedFormat(
        name="Alpaca's instruction format",
        advice=f"{_MESSAGES} of real runs, calls and results included",
        row=_instruction,
    ),
    UnsupportedFormat(
        name="a data set of prompts and completions",
        advice=f"{_MESSAGES} of real runs, calls and results included",
        row=_prompt,
    ),
    UnsupportedFormat(
        name="a chat flattened into one text",
        advice=f"{_MESSAGES}; the turns of flattened text cannot be separated",
        row=_flat_chat,
    ),
    UnsupportedFormat(
        name="plain text rows",
        advice=f"{_MESSAGES} of real runs, calls and results included",
        row=_text,
    ),
)
