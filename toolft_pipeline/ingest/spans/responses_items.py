"""Convert the items of OpenAI's Responses API to chat messages.

Invariant: the items of one answer of the model (reasoning, messages, calls) become one assistant turn. An item of the
provider's own tools is refused by name, because no catalog has them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec import Raw, Struct

from toolft_pipeline.ingest.parsing.nested_json import NULL
from toolft_pipeline.ingest.parsing.quotable_name import quotable_name
from toolft_pipeline.ingest.parsing.rejects import UnsupportedError

_CALL, _RESULT, _REASONING, _MESSAGE = "function_call", "function_call_output", "reasoning", "message"
_REFUSED = frozenset(
    {
        *("custom_tool_call", "custom_tool_call_output", "item_reference", "compaction", "image_generation_call"),
        *("computer_call", "computer_call_output", "file_search_call", "web_search_call", "code_interpreter_call"),
        *("local_shell_call", "local_shell_call_output", "shell_call", "shell_call_output"),
        *("apply_patch_call", "apply_patch_call_output", "tool_search_call", "tool_search_output"),
        *("mcp_call", "mcp_list_tools", "mcp_approval_request", "mcp_approval_response"),
    }
)


class _Item(Struct):
    type: str | None = None
    role: str | None = None
    content: Raw = NULL
    summary: Raw = NULL
    call_id: str | None = None
    name: str | None = None
    arguments: Raw = NULL
    output: Raw = NULL
    tool_calls: list[Raw] | None = None


class _Text(Struct):
    text: str = ""


def contains_response_items(rows: Sequence[Raw]) -> bool:
    """Whether a list has items that are not chat messages, or a split answer."""
    items = list(map(_item, rows))
    if any(item.role is None and item.type in (_CALL, _RESULT, _REASONING, *_REFUSED) for item in items):
        return True
    return len(items) > 1 and all((item.type, item.role) == (_MESSAGE, "assistant") for item in items)


def to_chat_messages(rows: Sequence[Raw]) -> list[Raw]:
    """Convert a list of items and messages to chat messages.

    Raises `UnsupportedError`.
    """
    return [one if isinstance(one, Raw) else Raw(msgspec.json.encode(one)) for one in _messages(rows)]


def _item(row: Raw) -> _Item:
    return msgspec.json.decode(row, type=_Item) if bytes(row).startswith(b"{") else _Item()


def _messages(rows: Sequence[Raw]) -> Iterator[dict[str, Any] | Raw]:
    turn: dict[str, Any] = {}
    for row in rows:
        item = _item(row)
        if item.type in _REFUSED:
            raise UnsupportedError(
                f"the Responses API item {item.type} is not supported; only message, reasoning and function_call are"
            )
        if item.type in (_CALL, _REASONING) or (item.role == "assistant" and item.type in (None, _MESSAGE)):
            _add(turn, item)
            continue
        if turn:
            yield turn
            turn = {}
        if item.type == _RESULT:
            yield {"role": "tool", "tool_call_id": item.call_id, "content": item.output}
        elif item.role is not None and item.type in (None, _MESSAGE):
            yield row
        else:
            name = quotable_name(item.type)
            raise UnsupportedError(
                f"the Responses API item {name} is unknown; only message, reasoning and function_call items are read"
            )
    if turn:
        yield turn


def _add(turn: dict[str, Any], item: _Item) -> None:
    """Add an item of the model's answer to its turn."""
    turn["role"] = "assistant"
    if item.type == _CALL:
        call = {"id": item.call_id, "name": item.name, "arguments": item.arguments}
        turn.setdefault("tool_calls", []).append(call)
    elif item.type == _REASONING:
        turn["reasoning"] = "\n\n".join(filter(None, (turn.get("reasoning"), _reasoning_text(item))))
    elif "tool_calls" in turn:
        raise UnsupportedError("an assistant turn has text after its tool calls; log that text as a turn of its own")
    else:
        before = [{"type": "text", "text": "\n\n"}] if turn.get("content") else []
        turn["content"] = [*turn.get("content", []), *before, *_blocks(item.content)]
        if item.tool_calls:
            turn["tool_calls"] = item.tool_calls


def _blocks(content: Raw) -> list[Any]:
    if bytes(content).startswith(b'"'):
        return [{"type": "text", "text": content}]
    return [] if content == NULL else msgspec.json.decode(content, type=list[Raw])


def _reasoning_text(item: _Item) -> str:
    """Return the text of a reasoning item, or its summary; empty if it is encrypted."""
    texts = (msgspec.json.decode(raw, type=list[_Text] | None) or [] for raw in (item.content, item.summary))
    return next(filter(None, ("\n\n".join(one.text for one in listed if one.text) for listed in texts)), "")
