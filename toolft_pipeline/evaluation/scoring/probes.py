"""General ability: a fixed set of small questions outside the agent's job, asked of every model.

Invariant: the set is part of the package and the same for every agent, so the answers of a base model and of the model
trained from it differ by the training alone. Each question has one short right answer that needs no judge: a word of a
list, or one exact call of a tool that only the question describes. This shows a tuned model that has forgotten how to
answer in words, or calls its own tools whatever it is asked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any

import msgspec
from msgspec import Struct

from toolft_pipeline.chat.rendering.parsing import ParsedTurn
from toolft_pipeline.evaluation.models.baselines import NativePrompter, OwnTemplatePrompter, TranscriptPrompter
from toolft_pipeline.evaluation.models.generation import Generation, Generator
from toolft_pipeline.evaluation.models.prompting import Prompter
from toolft_pipeline.evaluation.scoring.calls import canonical_call, canonical_calls
from toolft_pipeline.evaluation.scoring.intervals import Rate, wilson
from toolft_pipeline.warehouse.digest import Digest, digest_of

MAX_NEW_TOKENS = 36
"""Token limit of an answer: the longest right one, a call with two arguments, has 35 with Gemma's tokenizer."""


def _user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def _assistant(text: str | None = None, call: str | None = None, **arguments: Any) -> dict[str, Any]:
    if call is None:
        return {"role": "assistant", "content": text}
    function = {"name": call, "arguments": json.dumps(arguments)}
    return {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "type": "function", "function": function}]}


EXAMPLES = (
    _user("What is the colour of snow? Answer in one word."),
    _assistant("White"),
    _user("There is a tool water_plant with the argument plant. Water the fern."),
    _assistant(call="water_plant", plant="fern"),
    {"role": "tool", "tool_call_id": "1", "name": "water_plant", "content": '{"done": true}'},
    _assistant("Done."),
    _user("Answer only with the word later, and do nothing: open the door."),
    _assistant("Later"),
)
"""One example of each kind, for models that know no chat format."""


class ProbeKind(StrEnum):
    """What a question asks for."""

    NO_TOOL = "no_tool"
    """A fact or a word: any call is wrong."""
    UNKNOWN_TOOL = "unknown_tool"
    """A call of a tool that no catalog has and the question describes."""
    DECLINE = "decline"
    """Doing nothing and saying so: any call is wrong."""


class ProbeCall(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The one right call."""

    name: str
    arguments: dict[str, Any]


class Probe(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One question. An answer passes with one of the words or phrases of `answers`, or with `call` and no other."""

    id: str
    kind: ProbeKind
    user: str
    answers: tuple[str, ...] = ()
    call: ProbeCall | None = None


class ProbeOutcome(Struct, frozen=True, kw_only=True):
    """A model's answer to a question, and whether it is right."""

    probe: Probe
    generation: Generation
    passed: bool


@cache
def load_probes() -> tuple[Probe, ...]:
    """Load the questions, in their order."""
    lines = resources.files(__package__).joinpath("probes.jsonl").read_bytes().splitlines()
    return tuple(msgspec.json.decode(line, type=Probe) for line in lines)


@cache
def probes_digest() -> Digest:
    """Digest of the questions."""
    return digest_of([msgspec.to_builtins(probe) for probe in load_probes()])


def ask_probes(*, prompter: Prompter, generator: Generator) -> list[ProbeOutcome]:
    """Ask every question as its own conversation, all in one batch.

    A baseline sees `EXAMPLES` instead of the agent's catalog and runs, which would mislead it.
    """
    if isinstance(prompter, OwnTemplatePrompter | TranscriptPrompter):
        prompter = replace(prompter, catalog="", examples=EXAMPLES)
    elif isinstance(prompter, NativePrompter):
        prompter = replace(prompter, tools=(), examples=EXAMPLES)
    probes = load_probes()
    generations = generator.generate([prompter.prompt([_user(probe.user)]) for probe in probes])
    return [
        ProbeOutcome(probe=probe, generation=generation, passed=passes(probe, _read(generation, prompter)))
        for probe, generation in zip(probes, generations, strict=True)
    ]


def _read(generation: Generation, prompter: Prompter) -> ParsedTurn:
    """Read an answer as if finished: text may be cut, the right word comes first; a cut call stays malformed."""
    return prompter.read(msgspec.structs.replace(generation, finished=True))


def passes(probe: Probe, turn: ParsedTurn) -> bool:
    """Whether an answer is right."""
    calls = canonical_calls(turn.calls)
    if probe.call is not None:
        return calls == (canonical_call(probe.call.name, probe.call.arguments),)
    if calls or turn.malformed:
        return False
    words = " ".join(re.findall(r"[\w']+", turn.text.casefold()))
    text = f" {words} "
    return any(f" {answer} " in text for answer in probe.answers)


def rates_by_kind(outcomes: Sequence[ProbeOutcome]) -> dict[str, Rate]:
    """The share of right answers of each kind."""
    grouped = {kind: [each.passed for each in outcomes if each.probe.kind is kind] for kind in ProbeKind}
    return {kind.value: wilson(sum(passed), len(passed)) for kind, passed in grouped.items() if passed}
