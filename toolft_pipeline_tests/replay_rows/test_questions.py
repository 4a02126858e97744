"""The package's questions: varied, each its own, and far from the questions that measure forgetting."""

from __future__ import annotations

import json
import re
from collections import Counter
from importlib import resources
from pathlib import Path

import pytest

from toolft_pipeline.catalog.tool import Catalog, Tool
from toolft_pipeline.replay_rows.questions import (
    EXAMPLES,
    WISH_EXAMPLES,
    Question,
    QuestionError,
    QuestionKind,
    foreign_tools,
    load_questions,
    unanswerable,
)

SHARED_WORDS = 4
"""So many words in a row, in a question of either list, make the two near."""


def probes() -> list[str]:
    """The texts of the questions on general ability, read as a file."""
    file = resources.files("toolft_pipeline.evaluation.scoring").joinpath("probes.jsonl")
    return [json.loads(line)["user"] for line in file.read_text(encoding="utf-8").splitlines()]


def grams(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.casefold())
    return {tuple(words[at : at + SHARED_WORDS]) for at in range(len(words) - SHARED_WORDS + 1)} | {tuple(words)}


def near(texts: list[str], others: list[str]) -> list[str]:
    theirs = set().union(*map(grams, others))
    return [text for text in texts if grams(text) & theirs]


def test_no_question_is_near_a_probe() -> None:
    ours = [each.user for each in load_questions()] + [text for text, _ in (*EXAMPLES, *WISH_EXAMPLES)]
    assert near(ours, probes()) == []


def test_nearness_finds_a_probe_with_other_words_around_it() -> None:
    assert near(["Tell me: what is the capital of France?", "Hello!", "Name a river."], probes()) == [
        "Tell me: what is the capital of France?",
        "Hello!",
    ]


def test_questions_are_many_distinct_and_of_every_kind() -> None:
    questions = load_questions()
    kinds = Counter(each.kind for each in questions)
    assert len({each.user for each in questions}) == len(questions) >= 480
    assert set(kinds) == set(QuestionKind)
    assert min(kinds.values()) >= 25
    assert all(bool(each.tool_words) == (each.kind is QuestionKind.WISH) for each in questions)


def test_every_fault_of_a_file_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "questions.jsonl"
    good = '{"id": "a", "kind": "fact", "user": "Where is Oslo?"}\n'
    file.write_text(good + '{"id": "b", "kind": "riddle", "user": "?"}\n' + good)
    with pytest.raises(QuestionError, match=r"(?s):2: not a question.*:3: another line has the id 'a'"):
        load_questions(file)
    with pytest.raises(QuestionError, match=r"training\.replay_prompts"):
        load_questions(tmp_path / "missing")


def test_wish_that_a_tool_may_fulfil_is_not_asked() -> None:
    taxi = Question(id="a", kind=QuestionKind.WISH, user="Call a taxi.", tool_words=("taxi", "ride"))
    roof = Question(id="b", kind=QuestionKind.WISH, user="Fix my roof.", tool_words=("roof",))
    rides = Tool(name="book_rides", description="Books a car.", parameters={"type": "object"})
    roofs = Tool(name="a", description="For roofs.", parameters={"type": "object"})
    assert unanswerable([taxi, roof], Catalog(tools=(rides,))) == (roof,)
    assert unanswerable([taxi, roof], Catalog(tools=(roofs,))) == (taxi,)


def test_no_foreign_tool_may_fulfil_a_wish() -> None:
    words = {word for each in load_questions() for word in each.tool_words}
    named = {word for tool in foreign_tools() for word in tool["name"].split("_")}
    assert not words & named
