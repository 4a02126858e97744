"""Models asked BFCL's questions: what they see, what is read of what they say, what is written."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.evaluation.bfcl.asking import ANSWERS_FILE, BfclEndpoint, ask, offered, read_rates, write_answers
from toolft_pipeline.evaluation.bfcl.evaluate import ask_endpoint, ask_model
from toolft_pipeline.evaluation.bfcl.questions import Question, QuestionSet, load_questions
from toolft_pipeline.evaluation.models.baselines import NativePrompter, TranscriptPrompter
from toolft_pipeline.evaluation.models.prompting import ModelUnderTest, Prompter, PromptPolicy, make_prompter
from toolft_pipeline_tests.chat.tokenizers_of_families import stand_in
from toolft_pipeline_tests.evaluation.bfcl.test_questions import write_sets
from toolft_pipeline_tests.evaluation.openai_server import Server, serving
from toolft_pipeline_tests.evaluation.scripted import Message, ScriptedModel, call, golden_examples
from toolft_pipeline_tests.evaluation.transcripts import ASSISTANT

AGENT = load_agent(ASSISTANT / "agent.yaml")
RIGHT = {"where": {"at": [1.5]}}


@pytest.fixture(scope="module")
def questions(tmp_path_factory: pytest.TempPathFactory) -> list[Question]:
    folder = write_sets(tmp_path_factory.mktemp("sets"), count=3)
    return [question for of in QuestionSet for question in load_questions(folder, of=of)]


def _set(messages: list[Message]) -> str:
    return str(messages[-1]["content"]).removeprefix("do ").rpartition("_")[0]


def _knows(messages: list[Message]) -> str:
    return "No tool helps." if _set(messages) == "irrelevance" else call(f"{_set(messages)}.do", **RIGHT)


def test_ask_model_that_knows_all_is_right_in_every_set_and_one_batch_is_asked(questions: list[Question]) -> None:
    model = ScriptedModel(_knows)
    answers = ask(questions, prompter=model, generator=model)
    assert [each.objection for each in answers] == [None] * 12
    assert model.batches == [12]


def test_ask_model_that_says_nothing_is_right_where_no_tool_helps(questions: list[Question], tmp_path: Path) -> None:
    model = ScriptedModel(lambda _messages: "I cannot.")
    rates = write_answers(ask(questions, prompter=model, generator=model), tmp_path)
    assert {of: rate.right.value for of, rate in rates.items()} == {
        "simple_python": 0.0, "multiple": 0.0, "parallel": 0.0, "irrelevance": 1.0,
    }  # fmt: skip
    assert read_rates(tmp_path) == rates
    rows = pq.read_table(tmp_path / ANSWERS_FILE).to_pylist()
    assert {row["objection"] for row in rows} == {None, "0 calls where 1 are wanted"}


@pytest.mark.parametrize("policy", [PromptPolicy.NONE, PromptPolicy.FEW_SHOT])
def test_prompt_shows_the_questions_tools_and_nothing_of_the_agent(
    questions: list[Question], policy: PromptPolicy
) -> None:
    """A tuned model that knows its catalog by heart is shown these tools all the same."""
    model = ModelUnderTest(name="m", folder=ASSISTANT, policy=policy)
    tokenizer = stand_in("qwen3")
    prompter = make_prompter(
        model, chat=AGENT.chat, catalog=questions[0].catalog, tokenizer=tokenizer, examples=golden_examples(AGENT)
    )
    asked = offered(prompter, questions[3].catalog)
    assert isinstance(asked, NativePrompter if policy is PromptPolicy.NONE else TranscriptPrompter)
    text = tokenizer.decode(asked.prompt(list(questions[3].messages)))
    assert '"name": "multiple.do"' in text
    assert "simple_python.do" not in text
    assert "send_email" not in text


def test_ask_endpoint_sends_names_that_the_protocol_allows_and_reads_the_tools_own(
    questions: list[Question], tmp_path: Path
) -> None:
    pytest.importorskip("openai", reason="no openai: pip install -e '.[endpoints]'")

    def answer(messages: list[Message]) -> Message:
        if _set(messages) == "irrelevance":
            return {"content": "No tool helps."}
        function = {"name": f"{_set(messages)}_do", "arguments": json.dumps(RIGHT)}
        return {"content": None, "tool_calls": [{"id": "1", "type": "function", "function": function}]}

    with serving(Server(answer)) as server:
        endpoint = {"base_url": server.address, "model": "big", "key_from": None}
        evaluation = AGENT.evaluation.model_validate({"endpoints": {"big": endpoint}})
        settings = AGENT.model_copy(update={"evaluation": evaluation})
        rates = ask_endpoint(name="big", questions=questions, settings=settings, out=tmp_path, progress=print)
    assert {rate.right.value for rate in rates.values()} == {1.0}
    names = {tool["function"]["name"] for _, body in server.requests for tool in body["tools"]}
    assert names == {"simple_python_do", "multiple_do", "parallel_do", "irrelevance_do"}
    assert all([message["role"] for message in body["messages"]] == ["user"] for _, body in server.requests)


def test_ask_model_loads_a_folder_and_writes_an_answer_for_each_question(
    questions: list[Question], tiny_model_folder: Path, tmp_path: Path
) -> None:
    settings = load_agent(ASSISTANT / "agent.yaml", overrides={"evaluation.max_new_tokens": "2"})
    model = ModelUnderTest(name="m", folder=tiny_model_folder, policy=PromptPolicy.FULL_CATALOG)
    rates = ask_model(model=model, questions=questions[::3], settings=settings, out=tmp_path, progress=print)
    assert {of: rate.n for of, rate in rates.items()} == dict.fromkeys(map(str, QuestionSet), 1)
    assert pq.read_metadata(tmp_path / ANSWERS_FILE).num_rows == 4


def test_offered_what_no_prompter_is_known_for_stays_as_it_is(questions: list[Question]) -> None:
    model: Prompter = ScriptedModel(_knows)
    assert offered(model, questions[0].catalog) is model


def test_endpoint_offer_leaves_a_made_up_name_as_it_was_written(questions: list[Question]) -> None:
    class _Said:
        stops = ()

        def read(self, _generation: Any) -> Any:
            from toolft_pipeline.chat.rendering.parsing import ParsedCall, ParsedTurn

            calls = tuple(ParsedCall(name=name, arguments_json="{}") for name in ("simple_python_do", "made_up"))
            return ParsedTurn(text="", calls=calls)

    offer = replace(BfclEndpoint(model=None, catalog=questions[0].catalog), model=_Said())  # type: ignore[arg-type]
    assert [each.name for each in offer.read(None).calls] == ["simple_python.do", "made_up"]  # type: ignore[arg-type]
