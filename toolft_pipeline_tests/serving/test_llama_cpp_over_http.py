"""The running server with llama.cpp behind it, asked by the official client: what holds for one engine holds for all.

A tiny random model writes what transformers writes of the same prompt, token for token; its turns are cut or malformed,
and the answers say so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import openai
import pytest

from toolft_pipeline.chat.formats import FORMATS
from toolft_pipeline.chat.rendering.serving import install_chat_format
from toolft_pipeline.compute_type import ComputeType
from toolft_pipeline.engines.llama_cpp_engine import LlamaCppEngine
from toolft_pipeline.engines.model_loading import load_model, load_tokenizer
from toolft_pipeline.evaluation.models.decoding import TransformersGenerator
from toolft_pipeline.settings import CatalogMode
from toolft_pipeline.settings.serving import EngineSettings
from toolft_pipeline_tests.conftest import HANG_S
from toolft_pipeline_tests.engines.random_models import write_tiny
from toolft_pipeline_tests.serving.api.client_side import TOOLS, chat, joined, refused, whole
from toolft_pipeline_tests.serving.api.models import served_model
from toolft_pipeline_tests.serving.api.running import Running, running

if TYPE_CHECKING:
    from toolft_pipeline.serving.served_model import ServedModel

pytest.importorskip("xllamacpp", reason="no llama.cpp: pip install -e '.[llama-cpp]'")

NEW = 12


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ServedModel:
    folder = write_tiny(tmp_path_factory.mktemp("tiny") / "qwen3", "qwen3", tied=False)
    tokenizer = load_tokenizer(folder)
    install_chat_format(tokenizer, FORMATS["qwen3"], CatalogMode.FULL)
    return served_model(tokenizer, "qwen3", folder=folder)


@pytest.fixture(scope="module")
def serving(model: ServedModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    settings = EngineSettings.model_validate(
        {"name": "llama_cpp", "threads": 1, "quantization": "F32", "batch_size": 2, "context_tokens": 2048}
    )
    engine = LlamaCppEngine(
        settings=settings, folder=model.folder, stops=model.prompter.stops, exports=tmp_path_factory.mktemp("exports")
    )
    with running(model, engine=engine) as started:
        asyncio.run_coroutine_threadsafe(engine.start(), started.loop).result(HANG_S)
        yield started
        asyncio.run_coroutine_threadsafe(engine.close(), started.loop).result(HANG_S)


def test_turns_are_those_of_transformers(serving: Running, model: ServedModel) -> None:
    def ask(question: str) -> tuple[str, dict[str, Any], dict[str, Any]]:
        asked = {"content": question, "tools": TOOLS, "max_tokens": NEW}
        complete = chat(serving, **asked)
        return complete.id, whole(complete), joined(chat(serving, stream=True, **asked))

    with ThreadPoolExecutor(4) as clients:
        answers = list(clients.map(ask, ("Hi", "Find Ada.", "What is 2+3?", "Schön \U0001fae8?")))
    generator = TransformersGenerator(
        model=load_model(model.folder, compute=ComputeType.FP32), tokenizer=model.prompter.tokenizer,
        stops=model.prompter.stops, max_new_tokens=NEW, batch_size=1,
    )  # fmt: skip
    turns = [serving.seen.of(answer_id) for answer_id, _, _ in answers]
    expected = generator.generate([turn.prompt_ids for turn in turns])
    assert [turn.raw_text for turn in turns] == [each.text for each in expected]
    assert [turn.n_new_tokens for turn in turns] == [each.n_new_tokens for each in expected]
    assert len({turn.raw_text for turn in turns}) > 1
    for _, complete, streamed in answers:
        assert (streamed["reason"], streamed["error"]) == (complete["reason"], complete["error"])
        assert complete["reason"] in {"length", "malformed_tool_call", "stop"}


def test_requests_beyond_the_context_are_400(serving: Running) -> None:
    for stream in (False, True):
        with pytest.raises(openai.BadRequestError) as error:
            chat(serving, content="long " * 4000, stream=stream)
        assert error.value.code == "context_length_exceeded"


@pytest.mark.parametrize("body", [{"n": 2}, {"logprobs": True}, {"stop": ["x"]}, {"messages": []}])
def test_refusals_do_not_reach_the_engine(serving: Running, body: dict[str, Any]) -> None:
    assert refused(serving, **body)["type"] == "invalid_request_error"


def test_client_that_leaves_frees_the_slots(serving: Running) -> None:
    """Both slots are left in the middle of an answer; the next answers need them."""
    for _ in range(2):
        stream = serving.client.chat.completions.create(**serving.ask(stream=True, max_tokens=1024))
        next(iter(stream))
        stream.close()
    answers = [chat(serving, max_tokens=2) for _ in range(3)]
    assert all(answer.usage.completion_tokens <= 2 for answer in answers)
