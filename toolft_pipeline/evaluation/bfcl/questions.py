"""Questions of the Berkeley Function Calling Leaderboard (BFCL; Patil et al. 2025), read from its own files.

Invariant: the files are read as published and never changed; they are no part of this package. Each question has its
own tools, so the agent's catalog plays no part.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from toolft_pipeline.catalog.tool import Catalog, Tool
from toolft_pipeline.errors import FixableError


class BfclError(FixableError, ValueError):
    """The folder does not hold the sets; the message names the file, what is expected and the fix."""


class QuestionSet(StrEnum):
    """The single-turn sets in Python syntax, by BFCL's names."""

    SIMPLE_PYTHON = "simple_python"
    """One tool, one call."""
    MULTIPLE = "multiple"
    """Several tools, one call."""
    PARALLEL = "parallel"
    """One tool, several calls."""
    IRRELEVANCE = "irrelevance"
    """No tool helps: any call is wrong."""


class PossibleCall(Struct, frozen=True, kw_only=True):
    """One expected call: the right values of each parameter; "" among them makes it optional."""

    name: str
    values: dict[str, list[Any]]


class Question(Struct, frozen=True, kw_only=True):
    """One question of the set `of`; `functions` are tools in BFCL's notation (types `dict`, `tuple`, `any` ...)."""

    id: str
    of: QuestionSet
    messages: tuple[dict[str, Any], ...]
    functions: tuple[dict[str, Any], ...]
    expected: tuple[PossibleCall, ...] = ()

    @property
    def catalog(self) -> Catalog:
        """The tools as JSON Schema."""
        return Catalog(
            tools=tuple(
                Tool(
                    name=function["name"],
                    description=function.get("description", ""),
                    parameters=json_schema(function["parameters"]),
                )
                for function in self.functions
            )
        )


_TYPES = {"dict": "object", "float": "number", "tuple": "array", "any": "string"}
"""JSON Schema's names of BFCL's types; `any` is offered as text, as BFCL does."""


def json_schema(parameters: Any) -> Any:
    """Convert a schema in BFCL's notation to JSON Schema."""
    if isinstance(parameters, list):
        return [json_schema(each) for each in parameters]
    if not isinstance(parameters, dict):
        return parameters
    schema = {key: json_schema(value) for key, value in parameters.items()}
    declared = schema.get("type")
    if isinstance(declared, str):
        schema["type"] = _TYPES.get(declared, declared)
    return schema


_Row = TypeVar("_Row")


class _QuestionLine(Struct, kw_only=True):
    id: str
    question: list[list[dict[str, Any]]]
    function: list[dict[str, Any]]


class _AnswerLine(Struct, kw_only=True):
    id: str
    ground_truth: list[dict[str, dict[str, list[Any]]]]


def load_questions(folder: Path, *, of: QuestionSet, at_most: int | None = None) -> list[Question]:
    """Load the questions of a set, or `at_most` of them by the hash of their ids: a larger sample contains a smaller.

    `folder` is BFCL's data folder: `BFCL_v4_<set>.json` and `possible_answer/BFCL_v4_<set>.json`, one object a line.
    Raises `BfclError`.
    """
    asked = _read(_file(folder, of), _QuestionLine)
    answers = {}
    if of is not QuestionSet.IRRELEVANCE:
        answers = {each.id: each.ground_truth for each in _read(_file(folder / "possible_answer", of), _AnswerLine)}
        if missing := [each.id for each in asked if each.id not in answers]:
            raise BfclError(f"{folder}: {missing[0]} has no possible answer; take both files from one release")
    sample = sorted(asked, key=lambda each: hashlib.sha256(each.id.encode()).digest())[:at_most]
    return [
        Question(
            id=each.id,
            of=of,
            messages=tuple(each.question[0]),
            functions=tuple(each.function),
            expected=tuple(
                PossibleCall(name=name, values=values)
                for call in answers.get(each.id, ())
                for name, values in call.items()
            ),
        )
        for each in sample
    ]


def question_files(folder: Path) -> Iterator[Path]:
    """Every file that `load_questions` reads."""
    for of in QuestionSet:
        yield _file(folder, of)
        if of is not QuestionSet.IRRELEVANCE:
            yield _file(folder / "possible_answer", of)


def _file(folder: Path, of: QuestionSet) -> Path:
    named = re.compile(rf"BFCL_v\d+_{of}\.json")  # `multiple` is not `live_multiple`
    files = sorted(path for path in folder.glob("BFCL_v*.json") if named.fullmatch(path.name))
    if not files:
        raise BfclError(
            f"{folder}: no BFCL_v4_{of}.json; set evaluation.bfcl to the folder `data` of the package bfcl-eval"
        )
    return files[-1]


def _read(path: Path, row: type[_Row]) -> list[_Row]:
    decoder = msgspec.json.Decoder(row)
    rows = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            rows.append(decoder.decode(line))
        except msgspec.DecodeError as error:
            raise BfclError(f"{path}:{number}: not a BFCL question ({error}); take the released file") from error
    return rows
