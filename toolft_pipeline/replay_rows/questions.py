"""The questions that the base model answers for replay and decline rows.

Invariant: they were written for this project, they are under its licence, and none is near a question on general
ability (`evaluation/scoring/probes.jsonl`), which are asked to find out what was forgotten: a test compares them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from toolft_pipeline.catalog.tool import Catalog
from toolft_pipeline.errors import FixableError

EXAMPLES = (
    ("Which animal barks?", "A dog."),
    ("Make this polite: Come here.", "Could you please come here?"),
    ("Translate into German: Good night.", "Gute Nacht."),
    ("How much is 30 plus 12?", "42"),
    ("Hello, it is me again!", "Welcome back! How can I help you?"),
    ("Which word is a colour? door, green, run", "Green."),
)
"""Questions with answers that a base model without a chat template sees first: a pretrained model continues a text.
None declines: after a single one that does, Gemma 3 270M declines half of all questions."""

WISH_EXAMPLES = (
    ("Repair my roof tomorrow.", "I cannot repair a roof; please ask a roofer."),
    ("Sing my baby a lullaby.", "Sorry, I am not able to sing."),
    ("Move my car out of the rain.", "Unfortunately I can't move a car."),
    ("Draw me a bath.", "Running a bath is not possible for me."),
)
"""The same before a wish."""


class QuestionKind(StrEnum):
    """What a question asks for."""

    FACT = "fact"
    ARITHMETIC = "arithmetic"
    REWRITE = "rewrite"
    SUMMARY = "summary"
    CLASSIFY = "classify"
    EXTRACT = "extract"
    SMALL_TALK = "small_talk"
    CODE = "code"
    TRANSLATE = "translate"
    EXPLAIN = "explain"
    WISH = "wish"
    """Something to be done that no tool of the agent does."""


class Question(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One question. A wish lists words of tools that could fulfil it: an agent with such a tool is not asked it."""

    id: str
    kind: QuestionKind
    user: str
    tool_words: tuple[str, ...] = ()


class QuestionError(FixableError, ValueError):
    """A file of questions cannot be used; the message names file, line and fix."""


def load_questions(file: Path | None = None) -> tuple[Question, ...]:
    """Load the questions of a file (None: the package's own), in their order. Raises `QuestionError`."""
    source = file or resources.files(__package__).joinpath("questions.jsonl")
    try:
        lines = source.read_bytes().splitlines()
    except OSError as error:
        raise QuestionError(f"{source}: {error.strerror}; correct training.replay_prompts") from error
    questions: dict[str, Question] = {}
    faults = []
    for number, line in enumerate(lines, start=1):
        try:
            question = msgspec.json.decode(line, type=Question)
        except msgspec.DecodeError as error:
            faults.append(f"{source}:{number}: not a question: {error}; see docs/forgetting.md")
            continue
        if question.id in questions:
            faults.append(f"{source}:{number}: another line has the id {question.id!r}; give each question its own")
        questions[question.id] = question
    if faults:
        raise QuestionError("; ".join(faults))
    return tuple(questions.values())


@cache
def foreign_tools() -> tuple[dict[str, Any], ...]:
    """Tools in MCP's shape that no agent of ours has and no question asks for."""
    lines = resources.files(__package__).joinpath("foreign_tools.jsonl").read_bytes().splitlines()
    return tuple(msgspec.json.decode(line) for line in lines)


def unanswerable(questions: Iterable[Question], catalog: Catalog) -> tuple[Question, ...]:
    """The questions without the wishes that a tool of the catalog may fulfil, by the words of its name and text."""
    known = {
        word.rstrip("s") for tool in catalog.tools for word in _words(f"{tool.name} {tool.description}".casefold())
    }
    return tuple(each for each in questions if not known & {word.rstrip("s") for word in each.tool_words})


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text.replace("_", " "))
