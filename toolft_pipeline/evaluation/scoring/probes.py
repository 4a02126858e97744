"""General ability: questions outside the agent's job, asked of every model.

Invariant: the answers of a base model and of the model trained from it differ by the training alone, because both get
the same questions and nothing of the agent's job. No answer needs a judge: a right one is a word of a list, one exact
call of a tool that only the question describes, or no call where nothing can be called. This shows a tuned model that
has forgotten how to answer in words, or calls its own tools whatever it is asked.

The package has 251 questions, `probes.jsonl`, written for this purpose: a paired comparison on 20 cannot tell a loss of
15 points from none, on 240 its interval is about 4 points wide on either side. `evaluation.probes_file` replaces them,
for example where an off-catalog wish is a tool of the agent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from toolft_pipeline.chat.rendering.parsing import ParsedTurn
from toolft_pipeline.errors import FixableError
from toolft_pipeline.evaluation.judge.calls import canonical_call, canonical_calls
from toolft_pipeline.evaluation.models.baselines import NativePrompter, OwnTemplatePrompter, TranscriptPrompter
from toolft_pipeline.evaluation.models.generation import Generation, Generator
from toolft_pipeline.evaluation.models.prompting import Prompter
from toolft_pipeline.evaluation.scoring.intervals import Rate, wilson
from toolft_pipeline.warehouse.digest import Digest, digest_of

WORDS_TOKENS = 20
"""Token limit of an answer in words: the longest right one has 6 with Gemma's tokenizer. A call is one from its first
token on: a tuned model that calls its tools everywhere would else write out every call."""

CALL_TOKENS = 36
"""Token limit of a call: the longest right one, with two arguments, has 35 with Gemma's tokenizer."""

DECLINING = (
    "cannot", "can't", "can not", "could not", "couldn't", "unable", "not able", "sorry", "not possible",
    "impossible", "no tool", "don't have", "do not have", "not allowed", "won't", "will not", "don't know",
    "do not know", "no access", "i'm not", "i am not", "not something", "as an ai", "unfortunately",
)  # fmt: skip
"""Words of an answer that declines; one that ends in a question mark asks back."""


class ProbeError(FixableError, ValueError):
    """A file of questions cannot be used; the message names file, line and fix."""


def _user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def _assistant(text: str | None = None, call: str | None = None, **arguments: Any) -> dict[str, Any]:
    if call is None:
        return {"role": "assistant", "content": text}
    function = {"name": call, "arguments": json.dumps(arguments)}
    return {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "type": "function", "function": function}]}


_COLOUR = (_user("What is the colour of snow? Answer in one word."), _assistant("White"))
_CALL = (
    _user("There is a tool water_plant with the argument plant. Water the fern."),
    _assistant(call="water_plant", plant="fern"),
    {"role": "tool", "tool_call_id": "1", "name": "water_plant", "content": '{"done": true}'},
    _assistant("Done."),
)
_LATER = (_user("Answer only with the word later, and do nothing: open the door."), _assistant("Later"))

EXAMPLES = (*_COLOUR, *_CALL, *_LATER)
"""Examples for models that know no chat format, where a call is wanted: words, a call, and words instead of a call."""

WORD_EXAMPLES = (*_COLOUR, *_LATER)
"""The same where no call is wanted: after an example of a call Gemma 3 270M calls something in 39 of 245 answers."""


class ProbeKind(StrEnum):
    """What a question asks for."""

    KNOWLEDGE = "knowledge"
    """A fact, in a word or a number."""
    REASONING = "reasoning"
    """A small sum, comparison or conclusion."""
    INSTRUCTION = "instruction"
    """Something to say or to leave undone, as the question says."""
    SMALL_TALK = "small_talk"
    """Some words in answer, whatever they are."""
    OFF_CATALOG = "off_catalog"
    """A wish that no tool can fulfil: an answer that declines or asks back."""
    UNKNOWN_TOOL = "unknown_tool"
    """A call of a tool that no catalog has and the question describes."""


ANSWERED = frozenset({ProbeKind.KNOWLEDGE, ProbeKind.REASONING, ProbeKind.INSTRUCTION})
"""Kinds whose questions list their right answers."""


class ProbeCall(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The one right call."""

    name: str
    arguments: dict[str, Any]


class Probe(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One question. Its first line of text passes with one of the words or phrases of `answers` and none of `wrong`
    (so that repeating the question is no answer), a call with `call` and no other.
    """

    id: str
    kind: ProbeKind
    user: str
    answers: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    call: ProbeCall | None = None


class ProbeOutcome(Struct, frozen=True, kw_only=True):
    """A model's answer to a question, whether it is right, and whether it calls a tool (None where a call is wanted).

    A call that cannot be read, or was cut, is a call.
    """

    probe: Probe
    generation: Generation
    passed: bool
    called: bool | None


def load_probes(file: Path | None = None) -> tuple[Probe, ...]:
    """Load the questions of a file (None: the package's own), in their order. Raises `ProbeError`."""
    source = file or resources.files(__package__).joinpath("probes.jsonl")
    try:
        lines = source.read_bytes().splitlines()
    except OSError as error:
        raise ProbeError(f"{source}: {error.strerror}; correct evaluation.probes_file in the agent file") from error
    probes, seen = [], set[str]()
    for number, line in enumerate(lines, start=1):
        try:
            probe = msgspec.json.decode(line, type=Probe)
        except msgspec.DecodeError as error:
            raise ProbeError(f"{source}:{number}: not a question: {error}; see docs/evaluation.md") from error
        if fault := _fault(probe, seen):
            raise ProbeError(f"{source}:{number}: question {probe.id!r}: {fault}")
        seen.add(probe.id)
        probes.append(probe)
    return tuple(probes)


def _fault(probe: Probe, seen: set[str]) -> str | None:
    if probe.id in seen:
        return "another line has this id; give each question its own"
    if bool(probe.answers) != (probe.kind in ANSWERED):
        wanted = ", ".join(sorted(ANSWERED))
        return f"kind {probe.kind} has {'no' if probe.answers else 'some'} answers; only {wanted} list them"
    if (probe.call is not None) != (probe.kind is ProbeKind.UNKNOWN_TOOL):
        return f"a question has a call if and only if its kind is {ProbeKind.UNKNOWN_TOOL}"
    return None


def sample_probes(probes: Sequence[Probe], at_most: int | None) -> tuple[Probe, ...]:
    """Sample evenly over the kinds, by the digest of the ids: a larger sample contains a smaller. None takes all."""
    if at_most is None or at_most >= len(probes):
        return tuple(probes)
    ranked: list[tuple[int, str, Probe]] = []
    taken = dict.fromkeys(ProbeKind, 0)
    for probe in sorted(probes, key=lambda each: digest_of(each.id)):
        ranked.append((taken[probe.kind], probe.kind.value, probe))
        taken[probe.kind] += 1
    chosen = {probe.id for _, _, probe in sorted(ranked, key=lambda entry: entry[:2])[:at_most]}
    return tuple(probe for probe in probes if probe.id in chosen)


@cache
def probes_digest() -> Digest:
    """Digest of the package's questions."""
    return digest_of([msgspec.to_builtins(probe) for probe in load_probes()])


@dataclass(frozen=True, kw_only=True)
class Probers:
    """What answers the questions: in words within `WORDS_TOKENS` tokens, with a call within `CALL_TOKENS`."""

    words: Generator
    calls: Generator


def ask_probes(*, prompter: Prompter, probers: Probers, probes: Sequence[Probe]) -> list[ProbeOutcome]:
    """Ask every question as its own conversation, in two batches: those that want words, and those that want a call.

    A baseline sees `WORD_EXAMPLES` or `EXAMPLES` instead of the agent's catalog and runs, which would mislead it.
    """
    words = [probe for probe in probes if probe.call is None]
    calls = [probe for probe in probes if probe.call is not None]
    asked = [
        *_ask(words, prompter=_neutral(prompter, WORD_EXAMPLES), generator=probers.words),
        *_ask(calls, prompter=_neutral(prompter, EXAMPLES), generator=probers.calls),
    ]
    outcomes = {outcome.probe.id: outcome for outcome in asked}
    return [outcomes[probe.id] for probe in probes]


def _ask(probes: Sequence[Probe], *, prompter: Prompter, generator: Generator) -> list[ProbeOutcome]:
    if not probes:
        return []
    generations = generator.generate([prompter.prompt([_user(probe.user)]) for probe in probes])
    turns = [_read(generation, prompter) for generation in generations]
    return [
        ProbeOutcome(
            probe=probe,
            generation=generation,
            passed=passes(probe, turn),
            called=calls_something(turn) if probe.call is None else None,
        )
        for probe, generation, turn in zip(probes, generations, turns, strict=True)
    ]


def _neutral(prompter: Prompter, examples: tuple[dict[str, Any], ...]) -> Prompter:
    if isinstance(prompter, OwnTemplatePrompter | TranscriptPrompter):
        return replace(prompter, catalog="", examples=examples)
    if isinstance(prompter, NativePrompter):
        return replace(prompter, tools=(), examples=examples)
    return prompter


def _read(generation: Generation, prompter: Prompter) -> ParsedTurn:
    """Read an answer as if finished: text may be cut, the right word comes first; a cut call stays malformed."""
    return prompter.read(msgspec.structs.replace(generation, finished=True))


def calls_something(turn: ParsedTurn) -> bool:
    """Whether an answer calls a tool or tries to."""
    return bool(turn.calls or turn.malformed)


def passes(probe: Probe, turn: ParsedTurn) -> bool:
    """Whether an answer is right: its first line of text, or its calls."""
    if probe.call is not None:
        return canonical_calls(turn.calls) == (canonical_call(probe.call.name, probe.call.arguments),)
    if calls_something(turn):
        return False
    line = next((line for line in turn.text.splitlines() if line.strip()), "").replace("\u2019", "'")
    words = re.findall(r"[\w']+", line.casefold())
    if probe.kind is ProbeKind.SMALL_TALK:
        return bool(words)
    text = f" {' '.join(words)} "
    right = any(f" {answer} " in text for answer in (probe.answers or DECLINING))
    if probe.kind is ProbeKind.OFF_CATALOG:
        return right or (bool(words) and line.rstrip().endswith("?"))
    return right and not any(f" {word} " in text for word in probe.wrong)


def rates_by_kind(outcomes: Sequence[ProbeOutcome]) -> dict[str, Rate]:
    """The share of right answers of each kind."""
    grouped = {kind: [each.passed for each in outcomes if each.probe.kind is kind] for kind in ProbeKind}
    return {kind.value: wilson(sum(passed), len(passed)) for kind, passed in grouped.items() if passed}


def no_tool_by_kind(outcomes: Sequence[ProbeOutcome]) -> dict[str, Rate]:
    """The share of answers without a call, of each kind that wants no call."""
    grouped = {
        kind: [not each.called for each in outcomes if each.probe.kind is kind and each.called is not None]
        for kind in ProbeKind
    }
    return {kind.value: wilson(sum(quiet), len(quiet)) for kind, quiet in grouped.items() if quiet}
