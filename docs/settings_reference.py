"""Write docs/settings.md, the reference of an agent file's keys: `python -m docs.settings_reference`.

Everything comes from toolft_pipeline/settings: the sections' docstrings, the docstring under each field, its type, its
limits and its default. `--check` writes nothing and ends with 1 where the committed page is another.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import json
import re
import sys
import textwrap
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from toolft_pipeline.settings import AgentSettings

PAGE = Path(__file__).with_name("settings.md")

HEAD = """# Settings: what may an agent file say?

Written by `make docs` from the docstrings in [toolft_pipeline/settings](../toolft_pipeline/settings); do not edit it.

One file, `data/<agent>/agent.yaml`, declares one agent. [data/assistant/agent.yaml](../data/assistant/agent.yaml) is a
short example. An unknown key, a wrong type or an impossible value is an error; all errors of a file are shown at once.
`toolft run <agent> --set training.epochs=2` overrides a key for one run. Relative paths start at the agent file.
"""

NOT_WRITTEN = {"name", "folder"}
"""Fields that come from where the file lies."""

LIMITS = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}
NAMES = {bool: "true or false", int: "whole number", float: "number", str: "text", dict: "mapping", Any: "any value"}


def reference() -> str:
    """The whole page."""
    top = {name: field for name, field in AgentSettings.model_fields.items() if name not in NOT_WRITTEN}
    plain = {name: field for name, field in top.items() if _section(field) is None}
    parts = [HEAD, "## Top level\n", _table(plain)]
    for name, field in top.items():
        parts += _sections(name, field)
    return "\n".join(parts)


def _sections(key: str, field: FieldInfo) -> Iterator[str]:
    """A section's heading, docstring and table, then the sections within it."""
    section = _section(field)
    if section is None:
        return
    needed = "Required." if field.is_required() else _optional(field)
    yield f"## {key}\n"
    yield f"{_one_line(section.__doc__)} {needed}".rstrip() + "\n"
    yield _table({name: each for name, each in section.model_fields.items() if not is_section(each)})
    for name, each in section.model_fields.items():
        inner = f"{key}.{name}.NAME" if get_origin(each.annotation) is dict else f"{key}.{name}"
        if is_section(each) and each.description:
            yield from _with_description(inner, each)
        elif is_section(each):
            yield from _sections(inner, each)


def _with_description(key: str, field: FieldInfo) -> Iterator[str]:
    heading, text, *rest = _sections(key, field)
    yield from (heading, text.rstrip() + " " + _one_line(field.description) + "\n", *rest)


def _optional(field: FieldInfo) -> str:
    return "Optional." if NoneType in get_args(field.annotation) else ""


def is_section(field: FieldInfo) -> bool:
    """Whether a field is a section of its own, or a mapping of sections by name."""
    return _section(field) is not None


def _section(field: FieldInfo) -> type[BaseModel] | None:
    """The class of a field that is a section, or a mapping of sections by name."""
    parts = [field.annotation, *get_args(field.annotation)]
    return next((each for each in parts if isinstance(each, type) and issubclass(each, BaseModel)), None)


def _table(fields: dict[str, FieldInfo]) -> str:
    rows = [f"| `{name}` | {_type(field)} | {_default(field)} | {_meaning(field)} |" for name, field in fields.items()]
    return "\n".join(["| key | type | default | meaning |", "| --- | --- | --- | --- |", *rows, ""]) if rows else ""


def _type(field: FieldInfo) -> str:
    signs = ((sign, getattr(each, name, None)) for each in field.metadata for name, sign in LIMITS.items())
    limits = [f"{sign} {limit:g}" for sign, limit in signs if limit is not None]
    patterns = [each.pattern for each in field.metadata if getattr(each, "pattern", None)]
    shown = _annotation(field.annotation)
    if limits:
        first, *rest = shown.split(" or null")
        shown = first + " " + ", ".join(limits) + (" or null" if rest else "")
    return _cell(shown + (f", matches `{patterns[0]}`" if patterns else ""))


def _annotation(annotation: Any) -> str:
    origin, inner = get_origin(annotation), get_args(annotation)
    shown = NAMES.get(annotation, str(annotation))
    if origin is Annotated:
        shown = _annotation(inner[0])
    elif origin in {Union, UnionType}:
        kinds = [_annotation(each) for each in inner if each is not NoneType]
        shown = " or ".join([*kinds, *(["null"] if NoneType in inner else [])])
    elif origin is Literal:
        shown = ", ".join(f"`{each}`" for each in inner)
    elif origin is tuple:
        shown = f"list of {_plural(_annotation(inner[0]))}"
    elif origin is dict:
        shown = f"mapping of {_annotation(inner[0])} to {_annotation(inner[1])}"
    elif isinstance(annotation, type) and issubclass(annotation, Enum):
        shown = ", ".join(f"`{each.value}`" for each in annotation)
    return shown


def _plural(kind: str) -> str:
    return {"text": "texts"}.get(kind, kind)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined:
        return "required"
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, tuple):
        value = [each.value if isinstance(each, Enum) else each for each in value]
    return f"`{json.dumps(value)}`" if not isinstance(value, str) or not value else f"`{value}`"


def _meaning(field: FieldInfo) -> str:
    choices = _enum(field.annotation)
    members = _member_docs(choices) if choices is not None else {}
    meaning = choices.__doc__ if members and choices is not None else field.description
    texts = [_one_line(meaning), *(f"`{value}`: {text}" for value, text in members.items())]
    return _cell(" ".join(text for text in texts if text))


def _enum(annotation: Any) -> type[Enum] | None:
    parts = [annotation, *get_args(annotation)]
    return next((each for each in parts if isinstance(each, type) and issubclass(each, Enum)), None)


def _member_docs(choices: type[Enum]) -> dict[str, str]:
    """The docstring under each member of an enum, by the member's value."""
    body = ast.parse(textwrap.dedent(inspect.getsource(choices))).body[0]
    assert isinstance(body, ast.ClassDef)
    found = {}
    for statement, below in zip(body.body, body.body[1:], strict=False):
        documented = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name) and documented:
            member = choices[statement.targets[0].id]
            found[str(member.value)] = _one_line(str(below.value.value))  # type: ignore[attr-defined]
    return found


def _one_line(text: str | None) -> str:
    """A docstring as one line; None is null in an agent file."""
    return re.sub(r"\bNone\b", "null", " ".join((text or "").split()))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> int:
    """Write the page, or compare it with the committed one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; 1 where the committed page is another")
    if parser.parse_args().check:
        return int(PAGE.read_text(encoding="utf-8") != reference())
    PAGE.write_text(reference(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
