"""The fixed questions: each has a right answer that passes, and the likely wrong ones fail."""

from __future__ import annotations

import json
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
from toolft_pipeline.evaluation.scoring.probes import MAX_NEW_TOKENS, Probe, ProbeKind, ask_probes, load_probes
from toolft_pipeline_tests.evaluation.scripted import Message, ScriptedModel, call, golden_examples, oracle, prepared
from toolft_pipeline_tests.evaluation.transcripts import ASSISTANT, TASKS

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

AGENT = load_agent(ASSISTANT / "agent.yaml").model_copy(update={"sandbox": None})
BY_QUESTION = {probe.user: probe for probe in load_probes()}


def _right(probe: Probe) -> str:
    return call(probe.call.name, **probe.call.arguments) if probe.call else f"{probe.answers[0].title()}."


def _knows_all(messages: list[Message]) -> str:
    return _right(BY_QUESTION[messages[-1]["content"]])


class _Both(ScriptedModel):
    """Does the tasks as the oracle does, and knows all probes."""

    def __init__(self) -> None:
        does = oracle(TASKS)
        super().__init__(lambda m: _knows_all(m) if m[-1]["content"] in BY_QUESTION else does(m))


def _passed(model: ScriptedModel) -> Counter[ProbeKind]:
    return Counter(each.probe.kind for each in ask_probes(prompter=model, generator=model) if each.passed)


def test_probes_are_about_twenty_of_three_kinds_with_one_right_answer_each() -> None:
    probes = load_probes()
    assert 16 <= len(probes) <= 24
    assert len({probe.id for probe in probes}) == len({probe.user for probe in probes}) == len(probes)
    assert min(Counter(probe.kind for probe in probes)[kind] for kind in ProbeKind) >= 5
    for probe in probes:
        assert (probe.call is not None) == (probe.kind is ProbeKind.UNKNOWN_TOOL) == (not probe.answers)
        assert probe.call is None or probe.call.name in probe.user


def test_probes_model_that_knows_all_passes_and_one_batch_is_asked() -> None:
    model = ScriptedModel(_knows_all)
    assert _passed(model).total() == len(load_probes())
    assert model.batches == [len(load_probes())]


@pytest.mark.parametrize(
    ("said", "kinds"),
    [
        ("I do not know.", set()),
        (call("calculate", expression="2 + 2"), set()),
        ("I would rather not.", set()),
        ("Sorry, I cannot do that.", {ProbeKind.DECLINE}),
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

    assert _passed(_Cut(_knows_all)).total() == len(load_probes())
    cut = _passed(_Cut(lambda messages: _knows_all(messages)[:-14]))
    assert cut[ProbeKind.UNKNOWN_TOOL] == 0


@pytest.fixture(scope="module")
def tokenizer(gemma_tokenizer_folder: Path) -> PreTrainedTokenizerBase:
    from transformers import AutoTokenizer

    loaded: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(gemma_tokenizer_folder)
    return loaded


def test_probes_right_answers_fit_into_the_token_limit(tokenizer: PreTrainedTokenizerBase) -> None:
    longest = max(len(tokenizer(_right(probe), add_special_tokens=False)["input_ids"]) for probe in load_probes())
    assert longest + 1 <= MAX_NEW_TOKENS


def test_probes_untuned_model_sees_neutral_examples_and_nothing_of_the_agent(
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
    ask_probes(prompter=prompter, generator=listening)
    assert len(asked) == len(load_probes())
    assert all("water_plant" in text and "send_email" not in text for text in asked)


def test_evaluate_with_a_prober_adds_general_ability_and_without_one_none(tmp_path: Path) -> None:
    rates = {}
    model = _Both()
    for name, prober in (("with", model), ("without", None)):
        (tmp_path / name).mkdir()
        evaluate(
            prepared(model, name, prober=prober), tasks=TASKS[:3], settings=AGENT,
            catalog=load_catalog(ASSISTANT / "catalog.json"), out=tmp_path / name, progress=lambda _line: None,
        )  # fmt: skip
        rates[name] = read_metrics(tmp_path / name)
    assert rates["without"].general_ability is None
    assert rates["without"].n_probes == 0
    ability = rates["with"].general_ability
    assert ability is not None
    assert (ability.value, rates["with"].n_probes) == (1.0, len(load_probes()))
    assert set(rates["with"].general_ability_by_kind) == set(ProbeKind)
    shape = json.loads((tmp_path / "with" / "metrics.json").read_text())["general_ability"]
    assert set(shape) == {"value", "low", "high"}
    assert pq.read_table(tmp_path / "with" / "probes.parquet").num_rows == len(load_probes())
    assert pq.read_table(tmp_path / "without" / "probes.parquet").num_rows == 0
