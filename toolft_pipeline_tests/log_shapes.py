"""Shapes of logs that people report, as small files of our own making, and what lint must say of each.

Each shape is what a line or two look like; `said` are words that lint prints, `kept` how many runs it keeps.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from toolft_pipeline_tests.log_lines import (
    ANSWERED,
    BASH,
    CATALOG,
    COMPLETION,
    CONSTRUCTORS,
    INVOCATION,
    LANGCHAIN,
    LANGCHAIN_TOOL,
    RUN,
    SAYS,
    SUCCESS,
    TOOL,
    anthropic,
    ask,
    atif,
    call,
    dumped,
    result,
    run,
    timed,
)


@dataclass(frozen=True, kw_only=True)
class Shape:
    """The lines of a file (bytes as they stand), the catalog given with it, and what lint must make of them."""

    lines: tuple[object, ...]
    kept: int
    said: tuple[str, ...] = ()
    not_said: tuple[str, ...] = ()
    catalog: object = field(default_factory=lambda: CATALOG)
    settings: tuple[str, ...] = ()

    @property
    def data(self) -> bytes:
        """The file's bytes."""
        return b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in self.lines) + b"\n"


SHAPES: Mapping[str, Shape] = {
    "outcome not logged": Shape(lines=({"messages": RUN},), kept=0, said=("log outcome.status as success",)),
    "arguments that are none": Shape(lines=tuple(map(timed, ("", None, "absent", "null", "{}"))), kept=5),
    "no arguments where some are required": Shape(
        lines=(run(ask(), call(tool_calls=[{"id": "c1", "function": {"name": "get_weather"}}]), result(), SAYS),),
        kept=0,
        said=("is a required property",),
    ),
    "calls without ids": Shape(
        lines=(
            run(ask(), call(None), result(None, name="get_weather"), SAYS),
            run(ask("Pau"), call(None, "Pau"), result(None, tool_name="get_weather"), SAYS),
            run(ask("Nancy"), call("", "Nancy"), result(""), SAYS),
        ),
        kept=3,
    ),
    "calls without ids and too few results": Shape(
        lines=(run(ask(), call(None, tool_calls=call(None)["tool_calls"] * 2), result(None), SAYS),),
        kept=0,
        said=("has no id, and order and names do not identify its result", "tool_call_id"),
    ),
    "numbers as ids": Shape(lines=(run(ask(), call(7), result(7), SAYS, id=12, task_id=3),), kept=1),
    "a reminder midway": Shape(
        lines=(
            run({"role": "developer", "content": "Be brief."}, *RUN),
            run(ask(), call(), result(), {"role": "developer", "content": "Be brief."}, SAYS, id="b"),
        ),
        kept=1,
        said=("message 3 is a system turn after a tool turn; verification.allow_system_turns_midway",),
    ),
    "a reminder midway, allowed": Shape(
        lines=(run(ask(), {"role": "system", "content": "fr-FR"}, call(), result(), SAYS),),
        kept=1,
        settings=("allow_system_turns_midway=true",),
    ),
    "the answer beside the messages": Shape(
        lines=(run(*RUN[:-1], response=COMPLETION), run(*RUN[:-1], id="b", choices=COMPLETION["choices"])),
        kept=2,
        not_said=("allow_dangling_call",),
    ),
    "an answer beside the messages that is not read": Shape(
        lines=({**run(*RUN[:-1]), "final_answer": "It is 21 degrees."},),
        kept=0,
        said=("the run ends without an answer, and the key `final_answer` next to the messages is not read",),
        not_said=("allow_dangling_call",),
    ),
    "a system prompt beside OpenAI messages": Shape(
        lines=({"system": "Be brief.", **run(ask("Pau"), SAYS)}, run(*RUN)),
        kept=1,
        said=("read as openai", "grounding"),
    ),
    "tools and calls as JSON text": Shape(
        lines=(run(ask(), call(tool_calls=json.dumps(call()["tool_calls"])), *RUN[2:], tools=json.dumps([TOOL])),),
        kept=1,
    ),
    "tools in Anthropic's shape": Shape(
        lines=(
            run(*RUN, tools=[{"name": "get_weather", "input_schema": TOOL["parameters"]}]),
            anthropic({"role": "user", "content": [ANSWERED]}, id="b"),
        ),
        kept=1,
        said=("use one file per format",),
        catalog=[{"name": "get_weather", "input_schema": TOOL["parameters"]}],
    ),
    "results that are values": Shape(
        lines=(
            run(ask(), call(), result(content={"temp": 21}), SAYS),
            run(ask("Pau"), call("c1", "Pau"), result(content=[21, 22]), SAYS, id="b"),
            run(ask("Dax"), call("c1", "Dax"), result(content=21), SAYS, id="c"),
        ),
        kept=3,
    ),
    "NaN where nothing reads it": Shape(
        lines=(dumped(run(*RUN, reward="NaN"), NaN="NaN"),), kept=1, not_said=("malformed",)
    ),
    "NaN in a result": Shape(
        lines=(dumped(run(ask(), call(), result(content={"temp": "NaN"}), SAYS), NaN="NaN"),),
        kept=0,
        said=("NaN or Infinity is not valid JSON",),
    ),
    "half a surrogate pair": Shape(
        lines=(dumped(run(*RUN[:-1], {**SAYS, "content": "HALF"}), HALF='"21 \\ud83d"'),),
        kept=0,
        said=("lone surrogate",),
        not_said=("breaks off",),
    ),
    "two values on a line, a comma behind one": Shape(
        lines=(json.dumps(run(*RUN)).encode() * 2, json.dumps(run(*RUN)).encode() + b","),
        kept=0,
        said=("several JSON values on one line", "trailing comma or bracket after the JSON value"),
        not_said=("breaks off",),
    ),
    "LangChain constructors": Shape(lines=({"messages": CONSTRUCTORS, **SUCCESS},), kept=1),
    "LangChain messages by themselves": Shape(lines=({"messages": LANGCHAIN, **SUCCESS},), kept=1),
    "LangChain messages that lost their calls": Shape(
        lines=({"messages": [{"type": one["type"], "content": one["content"]} for one in LANGCHAIN], **SUCCESS},),
        kept=0,
        said=("answers no call",),
    ),
    "a part of a type that is not read": Shape(
        lines=({"messages": [*LANGCHAIN[:2], LANGCHAIN_TOOL, LANGCHAIN[3]], **SUCCESS},),
        kept=0,
        said=("`resource_link`",),
    ),
    "a legacy function call": Shape(
        lines=(run(ask(), {"role": "assistant", "function_call": {"name": "get_weather", "arguments": "{}"}}),),
        kept=0,
        said=("function_call",),
    ),
    "an unknown role": Shape(
        lines=(run(ask(), {"role": "wizard", "content": "x"}),), kept=0, said=("unknown role `wizard`",)
    ),
    "a custom tool": Shape(
        lines=(run(ask(), {"role": "assistant", "tool_calls": [{"id": "c", "type": "custom", "custom": {}}]}),),
        kept=0,
        said=("a tool call of type `custom`",),
    ),
    "turns out of order": Shape(
        lines=(
            run(*RUN[:3], result(), SAYS),
            run(ask(), SAYS, call(), result(), SAYS, id="b"),
            run(*RUN, {"role": "user", "content": "Thanks!"}, id="c"),
            run(*RUN[:3], {"role": "assistant", "content": ""}, id="d"),
            run({"role": "assistant", "content": "Hello!"}, *RUN, id="e"),
            run({"role": "user", "content": "Hi"}, *RUN, id="f"),
        ),
        kept=0,
        said=(
            "message 3 answers no call",
            "message 2 is an assistant turn after an assistant turn",
            "message 4); verification.cut_trailing_user_turns removes it",
            "message 3 is an assistant turn without text or calls",
            "message 0 is an assistant turn before any user turn; verification.opening_assistant_turn",
            "message 1 is a user turn after a user turn; verification.allow_consecutive_user_turns",
        ),
    ),
    "turns out of order, with their settings": Shape(
        lines=(
            run(*RUN, {"role": "user", "content": "Thanks!"}, id="c"),
            run({"role": "assistant", "content": "Hello!"}, *RUN, id="e"),
            run({"role": "user", "content": "Hi"}, *RUN, id="f"),
        ),
        kept=3,
        settings=("cut_trailing_user_turns=true", "opening_assistant_turn=drop", "allow_consecutive_user_turns=true"),
    ),
    "parallel calls in two messages": Shape(
        lines=(run(ask(), call(), call("c2", "Nice"), result(), result("c2", "21 degrees too"), SAYS),),
        kept=1,
        said=("parallel_calls 1",),
    ),
    "a run that ends in its call": Shape(
        lines=(run(ask(), call()), run(ask("Pau"), call("", "Pau"), id="b")),
        kept=0,
        said=("verification.allow_final_call keeps runs that end in calls (and 1 more)",),
    ),
    "a run that ends in its call, allowed": Shape(
        lines=(run(ask(), call()), run(ask("Pau"), call("", "Pau"), id="b")),
        kept=2,
        settings=("allow_final_call=true",),
    ),
    "a user turn after a result": Shape(
        lines=(run(*RUN[:3], {"role": "user", "content": "Keep it short."}, SAYS),),
        kept=0,
        said=("verification.allow_user_turn_after_result",),
        not_said=("allow_dangling_call",),
    ),
    "Anthropic text with the results": Shape(
        lines=(
            anthropic({"role": "user", "content": [ANSWERED, {"type": "text", "text": "Keep it short."}]}),
            anthropic({"role": "user", "content": [{"type": "text", "text": "Here"}, ANSWERED]}, id="b"),
        ),
        kept=1,
        said=("a user turn has text before its tool results",),
    ),
    "Anthropic results over two turns, one cancelled": Shape(
        lines=(
            anthropic({"role": "user", "content": [{**ANSWERED, "cache_control": {"type": "ephemeral"}}]}),
            anthropic({"role": "user", "content": "Never mind."}, id="b"),
            anthropic({"role": "user", "content": [{**ANSWERED, "content": {"temp": 21}}]}, id="c"),
        ),
        kept=2,
        said=("no result for the call of get_weather",),
    ),
    "a time, a state and an outcome in other words": Shape(
        lines=(
            run(*RUN, started_at=1760000000),
            run(*RUN, id="b", outcome="success"),
            run(*RUN, id="c", initial_state={"db": 1}),
            run(*RUN, id="d", outcome={"status": "completed"}),
            run(*RUN, id="e", outcome={"status": "splendid"}),
        ),
        kept=3,
        said=("completed, which is neither success nor failure", "Expected success, failure or unknown"),
        not_said=("splendid",),
    ),
    "ATIF results that name no call": Shape(
        lines=(atif({"content": "a.txt"}), atif({"content": "a"}, {"content": "b"})),
        kept=1,
        said=("names no call; log its source_call_id",),
        catalog=[BASH],
    ),
    "calls under a key that is not read": Shape(
        lines=(run(ask(), {**SAYS, "toolInvocations": [INVOCATION]}),), kept=0, said=("`toolInvocations`",)
    ),
    "keys that are not read": Shape(
        lines=(run(ask(), call(), result(), {**SAYS, "mood": "glad"}, id="a"),),
        kept=1,
        said=("message keys not read: mood (1)",),
    ),
    "two formats in a file": Shape(
        lines=(run(*RUN), anthropic({"role": "user", "content": [ANSWERED]})),
        kept=1,
        said=("this line has format anthropic, but the file is read as openai",),
    ),
    "a catalog in Bedrock's shape": Shape(
        lines=(run(*RUN),),
        kept=1,
        catalog={"tools": [{"toolSpec": {"name": "get_weather", "inputSchema": {"json": TOOL["parameters"]}}}]},
    ),
    "a tool with a bad name": Shape(
        lines=(run(*RUN),),
        kept=1,
        said=("left out of the catalog",),
        catalog=[*CATALOG, {"name": "two words", "parameters": {"type": "object"}}],
    ),
    "long integers": Shape(
        lines=(run(ask(), call(), result(content={"id": 123456789012345678901234567890, "t": 21}), SAYS),), kept=1
    ),
    "arguments encoded twice": Shape(
        lines=(
            run(ask(), call(tool_calls=[{"id": "c1", "function": {"name": "get_weather", "arguments": '"{}"'}}]), SAYS),
        ),
        kept=0,
    ),
    "nothing at all": Shape(lines=({"messages": [], **SUCCESS}, {"messages": None}, {}, b"null", b"[]", b'""'), kept=0),
}
