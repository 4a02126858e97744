"""The fixed questions: each has a right answer that passes, and the likely wrong ones fail."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest
from msgspec.structs import replace

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.catalog.build import load_catalog
from toolft_pipeline.evaluation.models.generation import Generation
from toolft_pipeline.evaluation.models.prompting import ModelUnderTest, PromptPolicy, make_prompter
from toolft_pipeline.evaluation.scoring.evaluate import evaluate, read_metrics
from toolft_pipeline.evaluation.scoring.intervals import wilson
from toolft_pipeline.evaluation.scoring.probes import (
    CALL_TOKENS,
    WORDS_TOKENS,
    Probe,
    ProbeError,
    ProbeKind,
    ProbeOutcome,
    Probers,
    ask_probes,
    load_probes,
    sample_probes,
)
from toolft_pipeline_tests.evaluation.scripted import Message, ScriptedModel, call, golden_examples, oracle, prepared
from toolft_pipeline_tests.evaluation.transcripts import ASSISTANT, TASKS

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

AGENT = load_agent(ASSISTANT / "agent.yaml").model_copy(update={"sandbox": None})
PROBES = load_probes()
BY_QUESTION = {probe.user: probe for probe in PROBES}
ANSWERS = {ProbeKind.SMALL_TALK: "You are welcome.", ProbeKind.OFF_CATALOG: "Sorry, I can\u2019t do that."}
WANT_CALL = sum(probe.call is not None for probe in PROBES)


def _right(probe: Probe) -> str:
    if probe.call is not None:
        return call(probe.call.name, **probe.call.arguments)
    return ANSWERS.get(probe.kind) or f"{probe.answers[0].title()}."


def _knows_all(messages: list[Message]) -> str:
    return _right(BY_QUESTION[messages[-1]["content"]])


class _Both(ScriptedModel):
    """Does the tasks as the oracle does, and knows all probes."""

    def __init__(self) -> None:
        does = oracle(TASKS)
        super().__init__(lambda m: _knows_all(m) if m[-1]["content"] in BY_QUESTION else does(m))


def _asked(model: ScriptedModel) -> list[ProbeOutcome]:
    return ask_probes(prompter=model, probers=Probers(words=model, calls=model), probes=PROBES)


def _passed(model: ScriptedModel) -> Counter[ProbeKind]:
    return Counter(each.probe.kind for each in _asked(model) if each.passed)


def test_probes_are_at_least_200_without_a_call_and_each_is_asked_once() -> None:
    kinds = Counter(probe.kind for probe in PROBES)
    assert len(PROBES) - kinds[ProbeKind.UNKNOWN_TOOL] >= 200
    assert kinds[ProbeKind.OFF_CATALOG] >= 50
    assert min(kinds[kind] for kind in ProbeKind) >= 5
    assert len({probe.id for probe in PROBES}) == len({probe.user for probe in PROBES}) == len(PROBES)
    assert not [probe.id for probe in PROBES if probe.call is not None and probe.call.name not in probe.user]


def test_probes_model_that_knows_all_passes_and_two_batches_are_asked() -> None:
    model = ScriptedModel(_knows_all)
    outcomes = _asked(model)
    assert [each.probe.id for each in outcomes] == [probe.id for probe in PROBES]
    assert all(each.passed for each in outcomes)
    assert {each.called for each in outcomes} == {False, None}
    assert model.batches == [len(PROBES) - WANT_CALL, WANT_CALL]


def test_probes_model_that_repeats_the_question_has_answered_none_with_a_listed_answer() -> None:
    """Else a base model that echoes would know everything that it is asked."""
    echo = _passed(ScriptedModel(lambda messages: messages[-1]["content"]))
    assert set(echo) <= {ProbeKind.SMALL_TALK, ProbeKind.OFF_CATALOG}


def test_probes_no_single_word_answers_many_questions() -> None:
    words = Counter(answer for probe in PROBES for answer in probe.answers)
    listing = sum(bool(probe.answers) for probe in PROBES)
    assert max(words.values()) < 0.05 * listing


@pytest.mark.parametrize(
    ("said", "passed", "called"),
    [
        (call("search", query="x"), False, True),
        ('<tool_call>{"name": "sea', False, True),  # cut: a call all the same
        ("Sorry, I cannot do that.", True, False),
        ("Unfortunately that is beyond me.", True, False),
        ("Which garden do you mean?", True, False),
        ("Done, your dog has been walked.", False, False),
        ("Walking the dog now.\nSorry!", False, False),  # the first line is the answer
    ],
)
def test_probes_off_catalog_wish_is_declined_or_asked_back_and_never_called(
    said: str, passed: bool, called: bool
) -> None:
    outcomes = [each for each in _asked(ScriptedModel(lambda _m: said)) if each.probe.kind is ProbeKind.OFF_CATALOG]
    assert {each.passed for each in outcomes} == {passed}
    assert {each.called for each in outcomes} == {called}


def test_probes_sample_takes_all_kinds_alike_and_a_larger_one_contains_a_smaller() -> None:
    small, large = (sample_probes(PROBES, count) for count in (24, 60))
    assert Counter(probe.kind for probe in small) == dict.fromkeys(ProbeKind, 4)
    assert {probe.id for probe in small} < {probe.id for probe in large}
    assert sample_probes(PROBES, None) == PROBES == sample_probes(PROBES, 10_000)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "own.jsonl:2: not a question"),
        ('{"id": "a", "kind": "small_talk", "user": "Hi"}', "another line has this id"),
        ('{"id": "b", "kind": "knowledge", "user": "Who?"}', "kind knowledge has some answers"),
        ('{"id": "b", "kind": "small_talk", "user": "Hi", "answers": ["x"]}', "kind small_talk has no answers"),
        ('{"id": "b", "kind": "unknown_tool", "user": "Do"}', "has a call if and only if"),
    ],
)
def test_probes_file_of_an_agent_with_a_bad_line_is_refused(tmp_path: Path, line: str, message: str) -> None:
    file = tmp_path / "own.jsonl"
    file.write_text('{"id": "a", "kind": "off_catalog", "user": "Fly."}\n' + line)
    with pytest.raises(ProbeError, match=re.escape(message)):
        load_probes(file)


def test_probes_file_of_an_agent_replaces_the_packages_and_its_absence_is_named(tmp_path: Path) -> None:
    file = tmp_path / "own.jsonl"
    file.write_text('{"id": "a", "kind": "off_catalog", "user": "Fly."}\n')
    assert [probe.id for probe in load_probes(file)] == ["a"]
    with pytest.raises(ProbeError, match=r"evaluation\.probes_file"):
        load_probes(tmp_path / "missing.jsonl")


@pytest.mark.parametrize(
    ("said", "kinds"),
    [
        ("", set()),
        (call("calculate", expression="2 + 2"), set()),
        ("I would rather not.", {ProbeKind.SMALL_TALK}),
        ("I do not know.", {ProbeKind.SMALL_TALK, ProbeKind.OFF_CATALOG}),
    ],
)
def test_probes_model_that_says_one_thing_passes_only_where_it_is_right(said: str, kinds: set[ProbeKind]) -> None:
    assert set(_passed(ScriptedModel(lambda _messages: said))) == kinds


def test_probes_right_word_inside_a_call_or_beside_one_is_wrong() -> None:
    def answer(messages: list[Message]) -> str:
        probe = BY_QUESTION[messages[-1]["content"]]
        return f"{_right(probe)}\n{call('search', query=probe.user)}"

    assert _passed(ScriptedModel(answer)) == Counter()


def test_probes_words_may_be_cut_and_a_cut_call_is_wrong() -> None:
    class _Cut(ScriptedModel):
        def generate(self, prompts: Sequence[Sequence[int]]) -> list[Generation]:
            return [replace(generation, finished=False) for generation in super().generate(prompts)]

    assert _passed(_Cut(_knows_all)).total() == len(PROBES)
    cut = _passed(_Cut(lambda messages: _knows_all(messages)[:-14]))
    assert cut[ProbeKind.UNKNOWN_TOOL] == 0


@pytest.fixture(scope="module")
def tokenizer(gemma_tokenizer_folder: Path) -> PreTrainedTokenizerBase:
    from transformers import AutoTokenizer

    loaded: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(gemma_tokenizer_folder)
    return loaded


def test_probes_right_answers_fit_into_the_token_limit(tokenizer: PreTrainedTokenizerBase) -> None:
    for probe in PROBES:
        limit = WORDS_TOKENS if probe.call is None else CALL_TOKENS
        assert len(tokenizer(_right(probe), add_special_tokens=False)["input_ids"]) + 1 <= limit


def test_probes_baseline_sees_neutral_examples_and_nothing_of_the_agent(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    model = ModelUnderTest(name="base", folder=ASSISTANT, policy=PromptPolicy.FEW_SHOT)
    catalog = load_catalog(ASSISTANT / "catalog.json")
    prompter = make_prompter(
        model, chat=AGENT.chat, catalog=catalog, tokenizer=tokenizer, examples=golden_examples(AGENT)
    )
    asked: list[str] = []

    class _Listening(ScriptedModel):
        def generate(self, prompts: Sequence[Sequence[int]]) -> list[Generation]:
            asked.extend(tokenizer.decode(prompt) for prompt in prompts)
            return super().generate([[0]] * len(prompts))

    listening = _Listening(lambda _messages: "?")
    listening.prompt([])
    ask_probes(prompter=prompter, probers=Probers(words=listening, calls=listening), probes=PROBES)
    assert len(asked) == len(PROBES)
    assert all("snow" in text and "send_email" not in text for text in asked)
    assert sum("water_plant" in text for text in asked) == WANT_CALL


def test_evaluate_with_a_prober_adds_general_ability_and_without_one_none(tmp_path: Path) -> None:
    rates = {}
    model = _Both()
    for name, probers in (("with", Probers(words=model, calls=model)), ("without", None)):
        (tmp_path / name).mkdir()
        evaluate(
            prepared(model, name, probers=probers), tasks=TASKS[:3], settings=AGENT,
            catalog=load_catalog(ASSISTANT / "catalog.json"), out=tmp_path / name, progress=lambda _line: None,
        )  # fmt: skip
        rates[name] = read_metrics(tmp_path / name)
    assert rates["without"].general_ability is None
    assert rates["without"].n_probes == 0
    ability = rates["with"].general_ability
    assert ability is not None
    assert (ability.value, rates["with"].n_probes) == (1.0, len(PROBES))
    assert (rates["with"].no_tool, rates["without"].no_tool) == (wilson(245, 245), None)
    assert rates["with"].probe_outcomes == {probe.id: True for probe in PROBES}
    assert len(rates["with"].no_tool_outcomes) == len(PROBES) - WANT_CALL
    assert set(rates["with"].general_ability_by_kind) == set(ProbeKind)
    shape = json.loads((tmp_path / "with" / "metrics.json").read_text())["general_ability"]
    assert set(shape) == {"value", "low", "high"}
    assert pq.read_table(tmp_path / "with" / "probes.parquet").num_rows == len(PROBES)
    assert pq.read_table(tmp_path / "without" / "probes.parquet").num_rows == 0
