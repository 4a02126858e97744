"""The scripted conversation: what the model says, what its tools answer, and the history that training makes of it.

Invariant: the tools are the check's own, so that nothing real is touched, every result is known, and a history can be
compared message by message. Each turn shows one thing that agents and proxies are known to change.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolft_pipeline.agent.extra import agent_extra

if TYPE_CHECKING:
    from mcp.types import CallToolResult, Tool

NESTED: dict[str, Any] = {
    "zeta": 1,
    "alpha": [1, [2, {"b": None, "a": True}]],
    "text": 'naïve ☃ "quoted" \\ </tool>',
    "number": 9007199254740993,
    "price": 1.10,
    "config": {"runtime": "r"},
}
"""Keys in no sorted order, a number beyond 2**53, other scripts; LangChain's tools lose an argument named `config`."""

ANSWER = "Done: the check has seen all turns."
NEXT_ANSWER = "Thank you."


@dataclass(frozen=True, kw_only=True)
class ScriptedCall:
    """One call and the text that training would show for its result."""

    id: str
    name: str
    arguments: dict[str, Any]
    result: str

    @property
    def arguments_json(self) -> str:
        """The arguments as the served model writes them."""
        return json.dumps(self.arguments, ensure_ascii=False)


@dataclass(frozen=True, kw_only=True)
class ScriptedTurn:
    """One assistant turn."""

    text: str = ""
    calls: tuple[ScriptedCall, ...] = ()

    def message(self) -> dict[str, Any]:
        """The turn as an OpenAI message."""
        message: dict[str, Any] = {"role": "assistant", "content": self.text or None}
        if self.calls:
            message["tool_calls"] = [
                {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments_json}}
                for call in self.calls
            ]
        return message

    def results(self) -> list[dict[str, Any]]:
        """Its results as OpenAI messages."""
        return [
            {"role": "tool", "tool_call_id": call.id, "name": call.name, "content": call.result} for call in self.calls
        ]


def _echo(id_: str, **arguments: Any) -> ScriptedCall:
    return ScriptedCall(
        id=id_, name="check_echo", arguments=arguments, result=json.dumps(arguments, ensure_ascii=False)
    )


def _bare(id_: str, name: str, result: str) -> ScriptedCall:
    return ScriptedCall(id=id_, name=name, arguments={}, result=result)


TURNS = (
    ScriptedTurn(text="Let me look.", calls=(_echo("call_1", **NESTED),)),
    ScriptedTurn(calls=(_echo("call_2", n=2), _bare("call_3", "check_parts", "one\ntwo"), _echo("call_4", n=4))),
    ScriptedTurn(calls=(_bare("call_5", "check_fail", "Error: the disk is full"),)),
    ScriptedTurn(calls=(_bare("call_6", "check_empty", ""),)),
    ScriptedTurn(calls=(_bare("call_7", "check_data", '{"b":1,"a":"é"}'),)),
    ScriptedTurn(text=ANSWER),
    ScriptedTurn(text=NEXT_ANSWER),
)
"""The last turn is asked for only if the user speaks a second time."""

TOOL_NAMES = ("check_echo", "check_parts", "check_fail", "check_empty", "check_data")


def tool_answer(name: str, arguments: dict[str, Any]) -> CallToolResult:
    """What the check's MCP server answers."""
    with agent_extra():
        from mcp.types import CallToolResult, TextContent

    def text(*parts: str, failed: bool = False) -> CallToolResult:
        return CallToolResult(content=[TextContent(type="text", text=part) for part in parts], isError=failed)

    return {
        "check_echo": text(json.dumps(arguments, ensure_ascii=False)),
        "check_parts": text("one", "two"),
        "check_fail": text("Error executing tool check_fail: the disk is full", failed=True),
        "check_empty": text(),
        "check_data": CallToolResult(content=[], structuredContent={"b": 1, "a": "é"}),
    }.get(name, text(f"Unknown tool: {name}", failed=True))


def tool_list() -> list[Tool]:
    """The check's tools in MCP's shape; any arguments are taken."""
    with agent_extra():
        from mcp.types import Tool

    anything = {"type": "object", "properties": {}, "additionalProperties": True}
    return [Tool(name=name, description=f"{name}: for a check of prompts", inputSchema=anything) for name in TOOL_NAMES]
