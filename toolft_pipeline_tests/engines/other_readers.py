"""How transformers serve and vLLM read an assistant turn, said without this package.

transformers serve: its own functions. vLLM: the rules of its `parser/response_template.py` and
`parser/engine/response_template_event_engine.py` (main, November 2026) over the same region parser, which both projects
share: fields, `join` and defaults that it refuses at start; a region that cannot be parsed ends, and parsing goes on;
a call counts only with its closing mark before the end of the text; the stop token is not in the text; contents are
strung together as they came.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from transformers.cli.serving.utils import ToolCall, _normalize_tool_call, response_events_to_chunks
from transformers.utils.chat_parsing import parse_response
from transformers.utils.chat_parsing.response_parser import ResponseParser
from transformers.utils.chat_parsing.response_templates import load_response_template

Call = tuple[str, str]


@dataclass(frozen=True)
class Read:
    """A turn as a client gets it; `failed` is an answer 500, or a stream without its tail."""

    text: str = ""
    calls: tuple[Call, ...] = ()
    failed: bool = False

    @property
    def stripped(self) -> tuple[str, tuple[tuple[str, Any], ...], bool]:
        """Without white space at the ends, and arguments by value."""
        return self.text.strip(), tuple((name, json.loads(arguments)) for name, arguments in self.calls), self.failed


def transformers_whole(
    text: str, template: Mapping[str, Any], *, prompt: str, tools: list[dict[str, Any]] | None = None
) -> Read:
    """What `transformers serve` answers to a request that is not streamed."""
    try:
        message = parse_response(text, dict(template), prefix=prompt, tools=tools)
    except (ValueError, KeyError, TypeError):
        return Read(failed=True)
    calls = [_normalize_tool_call(value) for value in message.get("tool_calls") or ()]
    return Read(text=message.get("content", ""), calls=tuple((call.name, call.arguments) for call in calls))


def transformers_streamed(pieces: Sequence[str], template: Mapping[str, Any], *, prompt: str) -> Read:
    """What it streams: its streamer ends an answer whose tail cannot be parsed without that tail."""
    parser = ResponseParser(dict(template), prefix=prompt)
    items: list[Any] = []
    try:
        for piece in pieces:
            items += response_events_to_chunks(parser.feed(piece))
        items += response_events_to_chunks(parser.finalize()[1])
        failed = False
    except (ValueError, KeyError, TypeError):
        failed = True
    return Read(
        text="".join(item for item in items if type(item) is str),
        calls=tuple((item.name, item.arguments) for item in items if isinstance(item, ToolCall)),
        failed=failed,
    )


def vllm_refusal(template: Mapping[str, Any]) -> str | None:
    """Why vLLM does not start with a response template; None where it does."""
    loaded = load_response_template(dict(template))
    unknown = (set(loaded.fields) - {"thinking", "content", "tool_calls"}) | (set(loaded.defaults) - {"role"})
    if unknown:
        return f"unsupported semantic fields: {sorted(unknown)}"
    for name in ("thinking", "content"):
        field = loaded.fields.get(name)
        if field and (field.content != "text" or field.transform is not None or field.join is not None):
            return f"field {name!r} cannot be streamed"
    return None if "tool_calls" in loaded.fields else "no tool_calls field"


class _Regions(ResponseParser):
    """vLLM's copy of the parser: closes know where their mark begins, and one that cannot be parsed is no exception."""

    _body_at = 0

    def _open_explicit(self, events: list[dict[str, Any]], field: Any, match: Any) -> None:
        super()._open_explicit(events, field, match)
        self._body_at = match.end()

    def _close_current(self, events: list[dict[str, Any]]) -> None:
        field, start, before = self._current, self._body_at + len(self._body), len(events)
        try:
            super()._close_current(events)
        except (KeyError, TypeError, ValueError):
            events.append({"type": "region_malformed", "field": field})
            self._reset_to_implicit()
            return
        if len(events) > before:
            events[-1]["at_end"] = start == len(self._buffer)


def vllm_read(pieces: Sequence[str], template: Mapping[str, Any], *, prompt: str) -> Read:
    """What vLLM makes of a turn; `pieces` is one text or a stream, without the stop token."""
    spec = dict(template)
    spec["fields"] = {name: {**field, "optional": True} for name, field in template["fields"].items()}
    parser = _Regions(spec, prefix=prompt)
    events: list[dict[str, Any]] = []
    for piece in pieces:
        events += parser.feed(piece)
    events += parser.finalize()[1]
    marked = any(key in template["fields"]["tool_calls"] for key in ("close", "close_pattern"))
    text, calls = "", []
    for event in events:
        if event["type"] == "region_chunk" and event["field"] == "content":
            text += event["text"]
        elif event["type"] == "region_close" and event["field"] == "tool_calls":
            function = event["value"].get("function") if isinstance(event["value"], dict) else None
            if (marked and event["at_end"]) or not function or not isinstance(function.get("name"), str):
                continue
            if (arguments := function.get("arguments")) is None:
                continue
            calls.append(
                (
                    function["name"],
                    arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False),
                )
            )
    return Read(text=text, calls=tuple(calls))


Reader = Callable[..., Read]
