"""Tools from typed functions: one signature is the schema, the validation and the call.

Invariant: what the published JSON Schema accepts is what the function gets; arguments are checked strictly (no text
becomes a number, no unknown name is dropped) before any row is touched.
"""

from __future__ import annotations

import inspect
import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model


class DeskError(Exception):
    """A tool's own refusal: one short line that says what is wrong and, where there is a way on, which."""


class Record(BaseModel):
    """A nested argument."""

    model_config = ConfigDict(extra="forbid", strict=True)


CustomerId = Annotated[str, Field(pattern=r"^C-\d{4}$")]
OrderId = Annotated[str, Field(pattern=r"^O-\d{4}$")]
TicketId = Annotated[str, Field(pattern=r"^T-\d{4}$")]
InvoiceId = Annotated[str, Field(pattern=r"^I-\d{4}$")]
ReturnId = Annotated[str, Field(pattern=r"^R-\d{4}$")]
ReservationId = Annotated[str, Field(pattern=r"^S-\d{4}$")]
Cursor = Annotated[str, Field(pattern=r"^p\d{1,3}$")]
Limit = Annotated[int, Field(ge=1, le=50)]
Count = Annotated[int, Field(ge=1, le=999)]
Text = Annotated[str, Field(min_length=1, max_length=120)]
Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class DeskTool:
    """One tool: its name, what it says of itself, whether it only reads, its argument model and its function."""

    name: str
    description: str
    reads: bool
    arguments: type[BaseModel]
    function: Callable[..., Json]

    def schema(self) -> Json:
        """The JSON Schema of the arguments: references written out, titles left out."""
        schema = self.arguments.model_json_schema()
        definitions = schema.pop("$defs", {})
        written: Json = _written_out(schema, definitions)
        return written

    def call(self, database: sqlite3.Connection, arguments: Json) -> Json:
        """Check the arguments and run. Raises `DeskError`."""
        if _has_null(arguments):
            raise DeskError("invalid argument: null; leave out what is not wanted")
        try:
            checked = self.arguments.model_validate_json(json.dumps(arguments), strict=True)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise DeskError(f"invalid argument {place}: {first['msg'][:1].lower()}{first['msg'][1:]}") from error
        given = inspect.signature(self.function).parameters
        return self.function(database, **{p: getattr(checked, _argument(p)) for p in given if p != "database"})


TOOLS: dict[str, DeskTool] = {}
"""Every tool by name, in the order of definition."""


def tool(*, reads: bool = False) -> Callable[[Callable[..., Json]], Callable[..., Json]]:
    """Register a function whose first parameter is the database and whose others are the tool's arguments."""

    def register(function: Callable[..., Json]) -> Callable[..., Json]:
        hints = get_type_hints(function, include_extras=True)
        parameters = [p for p in inspect.signature(function).parameters.values() if p.name != "database"]
        fields: Json = {
            _argument(p.name): (hints[p.name], Field(...) if p.default is p.empty else Field(default=p.default))
            for p in parameters
        }
        name = function.__name__
        model = create_model(name, __config__=ConfigDict(extra="forbid"), **fields)
        description = inspect.cleandoc(function.__doc__ or "").replace("\n", " ")
        TOOLS[name] = DeskTool(name=name, description=description, reads=reads, arguments=model, function=function)
        return function

    return register


def _argument(parameter: str) -> str:
    """An argument is called like its parameter, without the ending that keeps `return_id` from being a keyword."""
    return parameter.removesuffix("_id")


def _has_null(value: Any) -> bool:
    if isinstance(value, dict):
        value = list(value.values())
    return any(_has_null(inner) for inner in value) if isinstance(value, list) else value is None


def _written_out(node: Any, definitions: Json) -> Any:
    if isinstance(node, list):
        return [_written_out(inner, definitions) for inner in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _written_out(definitions[node["$ref"].rsplit("/", 1)[-1]], definitions)
    if "anyOf" in node and {"type": "null"} in node["anyOf"]:  # an optional argument is left out, never null
        others = [option for option in node["anyOf"] if option != {"type": "null"}]
        return _written_out(others[0] | {k: v for k, v in node.items() if k not in ("anyOf", "default")}, definitions)
    is_title = isinstance(node.get("title"), str)
    kept = {key: inner for key, inner in node.items() if not (key == "title" and is_title)}
    if kept.get("type") == "object" and "description" in kept:
        kept.pop("description")
    return {key: _written_out(inner, definitions) for key, inner in kept.items()}
