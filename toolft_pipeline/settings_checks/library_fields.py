"""Names, types and choices of PEFT's and TRL's settings, parsed from their source: importing them would load torch.

Invariant: a type or choice that the source does not state plainly is unknown, and what is unknown is not refused.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

_CLASSES = {
    "peft.LoraConfig": (
        ("peft", "tuners/lora/config.py", "LoraConfig"),
        ("peft", "config.py", "PeftConfig"),
        ("peft", "config.py", "PeftConfigMixin"),
    ),
    "trl.SFTConfig": (
        ("trl", "trainer/sft_config.py", "SFTConfig"),
        ("trl", "trainer/base_config.py", "_BaseConfig"),
        ("transformers", "training_args.py", "TrainingArguments"),
    ),
}
"""Files of each class and of the classes that it inherits from."""

_ENUMS = (("transformers", "trainer_utils.py"), ("transformers", "training_args.py"))
"""Files of the enums in annotations."""

_PLAIN = {"int": (int,), "float": (int, float), "bool": (bool,), "str": (str,), "None": (type(None),)}
_CONTAINERS = {"list": (list,), "dict": (dict,)}


@dataclass(frozen=True, kw_only=True)
class LibraryField:
    """One setting of a library class."""

    types: tuple[type, ...] | None
    """None where the annotation holds more than plain types."""
    choices: tuple[str, ...] = ()
    """The allowed texts; empty where any is."""
    annotation: str = ""


@cache
def library_fields(name: str) -> Mapping[str, LibraryField] | None:
    """The settings of `peft.LoraConfig` or `trl.SFTConfig`; None where the source has another layout than expected."""
    fields: dict[str, LibraryField] = {}
    for package, file, class_name in _CLASSES[name]:
        module = _module(package, file)
        body = None if module is None else _class_body(module, class_name)
        if body is None:
            return None
        for statement in body:
            if (
                isinstance(statement, ast.AnnAssign)
                and isinstance(statement.target, ast.Name)
                and _is_argument(statement)
            ):
                fields.setdefault(statement.target.id, _field(statement.annotation))
    return fields


@cache
def _module(package: str, file: str) -> ast.Module | None:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    try:
        return ast.parse((Path(spec.submodule_search_locations[0]) / file).read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return None


def _class_body(module: ast.Module, name: str) -> list[ast.stmt] | None:
    return next((node.body for node in module.body if isinstance(node, ast.ClassDef) and node.name == name), None)


def _is_argument(statement: ast.AnnAssign) -> bool:
    """Whether a field is an argument of the class's `__init__`."""
    call = statement.value
    return not isinstance(call, ast.Call) or not any(
        keyword.arg == "init" and isinstance(keyword.value, ast.Constant) and keyword.value.value is False
        for keyword in call.keywords
    )


def _field(annotation: ast.expr) -> LibraryField:
    types: list[type] = []
    choices: list[str] = []
    known, open_text = True, False
    for part in _parts(annotation):
        if part in _PLAIN or part in _CONTAINERS:
            types += _PLAIN.get(part) or _CONTAINERS[part]
            open_text = open_text or part == "str"
        elif values := _enum_values(part):
            choices += values
        elif part.startswith("="):
            choices.append(part[1:])
        else:
            known = False
    if any("[" in choice for choice in choices):  # a pattern such as pissa_niter_[number of iters]
        choices, open_text = [], True
        types.append(str)
    if choices:
        types.append(str)
        if open_text and not any(_enum_values(part) for part in _parts(annotation)):
            choices = []
    return LibraryField(
        types=tuple(types) if known else None, choices=tuple(choices), annotation=ast.unparse(annotation)
    )


def _parts(annotation: ast.expr) -> Iterator[str]:
    """The alternatives of an annotation: names of types, and literals as `=value`."""
    if isinstance(annotation, ast.BinOp):
        yield from _parts(annotation.left)
        yield from _parts(annotation.right)
    elif isinstance(annotation, ast.Subscript):
        name = ast.unparse(annotation.value)
        inner = annotation.slice.elts if isinstance(annotation.slice, ast.Tuple) else [annotation.slice]
        if name in {"Optional", "Union"}:
            yield from (part for each in inner for part in _parts(each))
            yield from ("None",) if name == "Optional" else ()
        elif name == "Literal":
            for each in inner:
                value = ast.literal_eval(each)
                yield f"={value}" if isinstance(value, str) else type(value).__name__
        else:
            yield name
    else:
        yield ast.unparse(annotation)


@cache
def _enum_values(name: str) -> tuple[str, ...]:
    """The values of an enum of strings; empty for any other name."""
    for file in _ENUMS:
        module = _module(*file)
        body = None if module is None else _class_body(module, name)
        if body is not None:
            values = [each.value for each in body if isinstance(each, ast.Assign)]
            return tuple(str(value.value) for value in values if isinstance(value, ast.Constant))
    return ()
