"""A model behind an endpoint as a second reader of answers, beside the rules.

Invariant: it decides nothing. Rollouts are judged before it is asked, and its opinion is stored and counted beside the
rules' own: how often the two agree shows whether the agent's forms (`answers`) fit its language.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import Struct, to_builtins
from msgspec.structs import replace

from toolft_pipeline.catalog.tool import Catalog
from toolft_pipeline.evaluation.judge.answers import AnswerRules, given_answers
from toolft_pipeline.evaluation.judge.rollout_verdict import FailedCondition, RolloutVerdict
from toolft_pipeline.evaluation.judge.task import Task
from toolft_pipeline.evaluation.judge.transcript import AssistantTurn, Transcript
from toolft_pipeline.evaluation.models.endpoint import EndpointModel
from toolft_pipeline.settings import EndpointSettings

ANSWERS_FILE = "answers.parquet"

_SCHEMA = pa.schema(
    [
        ("task_id", pa.string()),
        ("user_turn", pa.int32()),
        ("ending", pa.string()),
        ("answer", pa.string()),
        ("right", pa.bool_()),
        ("unread", pa.bool_()),
        ("reader_says_right", pa.bool_()),
    ]
)
_OF_ANSWERS = frozenset({FailedCondition.WRONG_ANSWER, FailedCondition.ANSWER_UNREAD, FailedCondition.FABRICATED})
_MAX_NEW_TOKENS = 512
"""Room for a model that thinks before it says the one word."""
_INSTRUCTION = (
    "You check the last answer of an assistant that calls tools. Below are the user's message, the calls with their "
    "results, what the answer must convey, and the answer. Say yes if the answer tells the user what happened: every "
    "required value, right about which thing it is, success as success, failure as failure, nothing made up. The "
    "wording and the language are free. Say no otherwise. End with one word: yes or no."
)
_VERDICT = re.compile(r"\b(yes|no)\b", re.IGNORECASE)


class AnswerReading(Struct, frozen=True, kw_only=True):
    """How an answer was read: by the rules, and by a second reader if there is one."""

    task_id: str
    user_turn: int
    ending: str
    answer: str
    right: bool
    """The rules have nothing against it."""
    unread: bool
    """No declared form decides it, so the rules do not count it as right."""
    reader_says_right: bool | None = None
    """None: no reader was asked, or it said neither yes nor no."""


def read_by_rules(
    tasks: Sequence[Task], rollouts: Sequence[tuple[Transcript, RolloutVerdict]], *, rules: AnswerRules
) -> list[AnswerReading]:
    """The rules' reading of every answer of judged rollouts, in order."""
    return [
        _reading(task, expected.turn, str(expected.ending), answer, verdict)
        for task, (transcript, verdict) in zip(tasks, rollouts, strict=True)
        for expected, answer, _ in given_answers(task, transcript, rules=rules)
    ]


def read_by_endpoint(
    name: str,
    settings: EndpointSettings,
    *,
    readings: Sequence[AnswerReading],
    questions: Sequence[str],
    progress: Callable[[str], None] = lambda _line: None,
) -> list[AnswerReading]:
    """The same readings with the opinion of a model at an endpoint; `questions` as `reader_questions` gives them.

    Raises `EndpointError`.
    """
    model = EndpointModel(
        name=name, settings=settings, catalog=Catalog(tools=()), system_prompt="keep",
        max_new_tokens=_MAX_NEW_TOKENS, progress=progress,
    )  # fmt: skip
    system = {"role": "system", "content": _INSTRUCTION}
    prompts = [model.prompt_with([system, {"role": "user", "content": each}], tools=[]) for each in questions]
    said = [model.read(generation).text for generation in model.generate(prompts)]
    return [replace(each, reader_says_right=_opinion(text)) for each, text in zip(readings, said, strict=True)]


def reader_questions(
    tasks: Sequence[Task], rollouts: Sequence[tuple[Transcript, RolloutVerdict]], *, rules: AnswerRules
) -> list[str]:
    """What the second reader gets for every answer, as JSON, in the order of `read_by_rules`."""
    return [
        json.dumps(
            {
                "user": task.user_turns[expected.turn],
                "calls": list(_calls(turns)),
                "must_convey": to_builtins(expected),
                "answer": answer,
            },
            ensure_ascii=False,
        )
        for task, (transcript, _) in zip(tasks, rollouts, strict=True)
        for expected, answer, turns in given_answers(task, transcript, rules=rules)
    ]


def write_answers(readings: Sequence[AnswerReading], folder: Path) -> None:
    """Write `answers.parquet`, one row an answer."""
    table = pa.Table.from_pylist([to_builtins(each) for each in readings], schema=_SCHEMA)
    pq.write_table(table, folder / ANSWERS_FILE, compression="zstd")


def _reading(task: Task, turn: int, ending: str, answer: str, verdict: RolloutVerdict) -> AnswerReading:
    mark = f"answer to user turn {turn + 1}:"
    found = {each.failure for each in verdict.findings if each.detail.startswith(mark)} & _OF_ANSWERS
    unread = FailedCondition.ANSWER_UNREAD in found
    return AnswerReading(
        task_id=task.task_id, user_turn=turn, ending=ending, answer=answer, right=not found, unread=unread
    )  # fmt: skip


def _calls(turns: Sequence[AssistantTurn]) -> Iterator[dict[str, Any]]:
    for turn in turns:
        for made in turn.calls:
            yield {"name": made.call.name, "arguments": made.call.arguments_json, "result": made.result}


def _opinion(text: str) -> bool | None:
    """The last yes or no of a text."""
    words = _VERDICT.findall(text)
    return words[-1].casefold() == "yes" if words else None
