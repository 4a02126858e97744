"""The tools of a request and which of them the client wants called."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from toolft_pipeline.serving.api.places import Placed
from toolft_pipeline.serving.chat_request import ToolChoice

_NAME = re.compile(r'[^\s"\\]{1,128}')
_NO_PARAMETERS: dict[str, Any] = {"type": "object", "properties": {}}


class ChosenTools(NamedTuple):
    """The offered tools in OpenAI's shape, and what the client wants of them."""

    tools: list[dict[str, Any]]
    choice: ToolChoice
    named: str | None
    parallel: bool


def checked_tools(body: Placed, *, most: int, strict_holds: bool) -> ChosenTools:
    """The tools and the choice. `strict_holds`: decoding follows the schemas. Raises `RequestError`."""
    tools = body["tools"]
    listed = [] if tools.value is None else tools.expect(list)
    if len(listed) > most:
        raise tools.error(f"holds {len(listed)} tools; this server takes {most} (serving.limits.tools)")
    made = [_tool(tool, strict_holds=strict_holds) for tool in tools.items()] if listed else []
    names = [tool["function"]["name"] for tool in made]
    for index, name in enumerate(names):
        if name in names[:index]:
            raise Placed(name, f"tools[{index}].function.name").error(f"{name!r} is offered twice")
    choice, named = _choice(body["tool_choice"], names)
    parallel = body["parallel_tool_calls"]
    return ChosenTools(made, choice, named, True if parallel.value is None else parallel.expect(bool))


def _tool(tool: Placed, *, strict_holds: bool) -> dict[str, Any]:
    tool.expect(dict)
    if tool["type"].expect(str) != "function":
        raise tool["type"].error("must be function; hosted and custom tools are not supported")
    function = tool["function"]
    function.expect(dict)
    name, description, parameters = function["name"], function["description"], function["parameters"]
    if not _NAME.fullmatch(name.expect(str)):
        raise name.error("must be 1 to 128 characters without spaces, quotes or backslashes")
    if function["strict"].value is not None and function["strict"].expect(bool) and not strict_holds:
        raise function["strict"].error("true is not supported: decoding is free; leave it out")
    return {
        "type": "function",
        "function": {
            "name": name.value,
            "description": "" if description.value is None else description.expect(str),
            "parameters": _NO_PARAMETERS if parameters.value is None else parameters.expect(dict),
        },
    }


def _choice(choice: Placed, names: list[str]) -> tuple[ToolChoice, str | None]:
    if choice.value is None:
        return ToolChoice.AUTO, None
    if isinstance(choice.value, str):
        if choice.value not in list(ToolChoice):
            raise choice.error(f"must be {', '.join(ToolChoice)} or a named function")
        if choice.value == ToolChoice.REQUIRED and not names:
            raise choice.error("required needs tools")
        return ToolChoice(choice.value), None
    choice.expect(dict)
    if choice["type"].value != "function":
        raise choice["type"].error("must be function; no other choices are supported")
    function = choice["function"]
    function.expect(dict)
    named: str = function["name"].expect(str)
    if named not in names:
        raise function["name"].error("does not name a tool of the request")
    return ToolChoice.REQUIRED, named
