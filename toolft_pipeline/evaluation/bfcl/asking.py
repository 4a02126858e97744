"""Ask a model BFCL's questions, each with its own tools in the prompt.

Invariant: the prompt has the question and its tools and nothing of the agent: no system prompt, no catalog, no examples
of the agent's runs. A tuned model sees the tools in its format's full-catalog form, whatever mode it was trained in;
this shows whether it forgot how to read a catalog.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import Struct

from toolft_pipeline.catalog.tool import Catalog
from toolft_pipeline.chat.rendering.parsing import ParsedTurn
from toolft_pipeline.evaluation.bfcl.answer_check import find_mismatch
from toolft_pipeline.evaluation.bfcl.questions import Question, QuestionSet
from toolft_pipeline.evaluation.models.baselines import (
    NativePrompter,
    OwnTemplatePrompter,
    TranscriptPrompter,
    catalog_text,
)
from toolft_pipeline.evaluation.models.endpoint import EndpointModel
from toolft_pipeline.evaluation.models.generation import Generation, Generator
from toolft_pipeline.evaluation.models.prompting import Prompter, ServedPrompter
from toolft_pipeline.evaluation.scoring.intervals import Rate, wilson
from toolft_pipeline.evaluation.scoring.probes import EXAMPLES

ANSWERS_FILE = "answers.parquet"
RATES_FILE = "bfcl.json"

_CALL = pa.struct([("name", pa.string()), ("arguments_json", pa.string())])
ANSWER_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("of", pa.string(), nullable=False),
        pa.field("generated", pa.string(), nullable=False),
        pa.field("calls", pa.list_(_CALL), nullable=False),
        pa.field("objection", pa.string()),
    ]
)


class SetRate(Struct, frozen=True, kw_only=True):
    """Number of questions asked of a set, and the share of right answers."""

    n: int
    right: Rate


class BfclAnswer(Struct, frozen=True, kw_only=True):
    """A model's answer to a question; `objection` is what is wrong with it, None for a right answer."""

    question: Question
    generation: Generation
    turn: ParsedTurn
    objection: str | None


@dataclass(frozen=True, kw_only=True)
class BfclEndpoint:
    """Prompts an endpoint with a question's tools. The protocol allows no dot in a name: it is sent as `_` and
    restored on reading, as BFCL itself does."""

    model: EndpointModel
    catalog: Catalog

    @property
    def stops(self) -> tuple[str, ...]:
        """The endpoint's own."""
        return self.model.stops

    def prompt(self, messages: list[dict[str, Any]]) -> list[int]:
        """The index of this history with these tools."""
        tools = [msgspec.structs.replace(tool, name=_plain(tool.name)) for tool in self.catalog.tools]
        return self.model.prompt_with(messages, tools=Catalog(tools=tuple(tools)).openai_tools())

    def read(self, generation: Generation) -> ParsedTurn:
        """The parsed turn, with the tools' own names."""
        turn = self.model.read(generation)
        names = {_plain(name): name for name in self.catalog.names}
        return replace(turn, calls=tuple(replace(call, name=names.get(call.name, call.name)) for call in turn.calls))


def offered(prompter: Prompter, catalog: Catalog) -> Prompter:
    """A model's prompter with these tools in its prompt, and nothing of the agent."""
    match prompter:
        case ServedPrompter():
            tools = tuple(catalog.openai_tools())
            return NativePrompter(tokenizer=prompter.tokenizer, chat_format=prompter.chat_format, tools=tools)
        case NativePrompter():
            return NativePrompter(
                tokenizer=prompter.tokenizer,
                chat_format=prompter.chat_format,
                tools=tuple(catalog.openai_tools()),
            )
        case OwnTemplatePrompter():
            return replace(prompter, catalog=catalog_text(catalog, full=True), examples=())
        case TranscriptPrompter():
            return replace(prompter, catalog=catalog_text(catalog, full=True), examples=EXAMPLES)
        case EndpointModel():
            return BfclEndpoint(model=prompter, catalog=catalog)
    return prompter


def ask(questions: Sequence[Question], *, prompter: Prompter, generator: Generator) -> list[BfclAnswer]:
    """Ask every question as its own conversation, all in one batch."""
    prompters = [offered(prompter, question.catalog) for question in questions]
    prompts = [each.prompt(list(question.messages)) for each, question in zip(prompters, questions, strict=True)]
    generations = generator.generate(prompts)
    return [
        _answer(question, generation, each.read(generation))
        for question, generation, each in zip(questions, generations, prompters, strict=True)
    ]


def _answer(question: Question, generation: Generation, turn: ParsedTurn) -> BfclAnswer:
    calls = [(call.name, json.loads(call.arguments_json)) for call in turn.calls]
    return BfclAnswer(question=question, generation=generation, turn=turn, objection=find_mismatch(question, calls))


def rates(answers: Sequence[BfclAnswer]) -> dict[str, SetRate]:
    """The share of right answers of each set."""
    grouped = {of: [each.objection is None for each in answers if each.question.of is of] for of in QuestionSet}
    return {
        of.value: SetRate(n=len(right), right=wilson(sum(right), len(right))) for of, right in grouped.items() if right
    }


def write_answers(answers: Sequence[BfclAnswer], folder: Path) -> dict[str, SetRate]:
    """Write `answers.parquet`, one row a question, and `bfcl.json`, one rate a set."""
    rows = [
        {
            "id": each.question.id,
            "of": str(each.question.of),
            "generated": each.generation.text,
            "calls": [{"name": call.name, "arguments_json": call.arguments_json} for call in each.turn.calls],
            "objection": each.objection,
        }
        for each in answers
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=ANSWER_SCHEMA), folder / ANSWERS_FILE, compression="zstd")
    by_set = rates(answers)
    (folder / RATES_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(by_set), indent=1))
    return by_set


def read_outcomes(folder: Path, of: QuestionSet) -> dict[str, bool]:
    """Whether each question of a set was answered right, by its id."""
    rows = pq.read_table(folder / ANSWERS_FILE, columns=["id", "of", "objection"]).to_pylist()
    return {row["id"]: row["objection"] is None for row in rows if row["of"] == of}


def read_rates(folder: Path) -> dict[str, SetRate]:
    """Read the rates of a folder."""
    return msgspec.json.decode((folder / RATES_FILE).read_bytes(), type=dict[str, SetRate])


def _plain(name: str) -> str:
    return re.sub(r"[^a-zA-Z0-9_-]", "_", name)
