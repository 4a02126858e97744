"""Evaluation through a serving engine: same ids, same order, same texts; nothing of another engine is reused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.engines.engine import Chunk, DecodeRequest, EndReason, Engine, EngineError
from toolft_pipeline.evaluation.judge.task import load_tasks
from toolft_pipeline.evaluation.models.engine_generator import EngineGenerator, EngineSession
from toolft_pipeline.evaluation.models.generation import Sampling
from toolft_pipeline.evaluation.models.generation_cache import GenerationCache
from toolft_pipeline.evaluation.models.prompting import ModelUnderTest
from toolft_pipeline.evaluation.scoring.evaluate import evaluate_model
from toolft_pipeline.evaluation.scoring.tables import read_rollouts, read_steps
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.evaluations.evaluations import engine_input
from toolft_pipeline_tests.conftest import REPOSITORY

AGENT = load_agent(REPOSITORY / "data" / "assistant" / "agent.yaml")


class Scripted(Engine):
    """Answers with its prompt's last id, the later ones first; waits until `together` requests run."""

    def __init__(self, *, together: int = 1, fails: int | None = None) -> None:
        self.together, self.fails = together, fails
        self.most, self.running, self.started, self.closed = 0, 0, False, 0
        self.all_here = asyncio.Event()
        self.requests: list[DecodeRequest] = []

    @property
    def max_context(self) -> int:
        return 100

    def load(self) -> tuple[int, int]:
        return self.running, 0

    async def start(self) -> None:
        self.started = True

    async def close(self) -> None:
        self.closed += 1

    async def stream(self, request: DecodeRequest) -> AsyncIterator[Chunk]:
        last = request.ids[-1]
        self.requests.append(request)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            if self.running == self.together:
                self.all_here.set()
            await self.all_here.wait()
            if last == self.fails:
                raise EngineError("the engine: broke; start it again")
            for _ in range(20 - last):
                await asyncio.sleep(0)
            yield Chunk(text=f"<{last}", token_ids=(last,), n_new_tokens=1)
            end = EndReason.LENGTH if last == 9 else EndReason.STOP
            yield Chunk(text=">", n_new_tokens=2, end=end)
        finally:
            self.running -= 1


def test_all_prompts_run_side_by_side_and_come_back_in_order() -> None:
    engine = Scripted(together=5)
    session = EngineSession(engine)
    generator = EngineGenerator(session, max_new_tokens=7, places=3)
    answers = generator.generate([[1, number] for number in (3, 9, 4, 0, 7)])
    assert [answer.text for answer in answers] == ["<3>", "<9>", "<4>", "<0>", "<7>"]
    assert [answer.finished for answer in answers] == [True, False, True, True, True]
    assert {(a.n_prompt_tokens, a.n_new_tokens, a.batch_rows) for a in answers} == {(2, 3, 3)}
    assert engine.most == 5
    longest = max(answer.latency_ms for answer in answers)
    assert all(0 < answer.busy_ms <= longest for answer in answers)
    assert sum(answer.busy_ms for answer in answers) >= longest
    session.close()
    session.close()
    assert engine.closed == 1


def test_repeats_ask_an_engine_with_a_seed_of_the_prompt() -> None:
    engine = Scripted()
    session = EngineSession(engine)
    sampling = Sampling(temperature=0.7, repeat=2)
    EngineGenerator(session, max_new_tokens=7, places=3, sampling=sampling).generate([[1, 3], [1, 4]])
    EngineGenerator(session, max_new_tokens=7, places=3).generate([[1, 3]])
    asked = sorted((request.ids, request.temperature, request.seed) for request in engine.requests[:2])
    assert asked == [((1, 3), 0.7, sampling.seed((1, 3))), ((1, 4), 0.7, sampling.seed([1, 4]))]
    assert (engine.requests[2].temperature, engine.requests[2].seed) == (0.0, None)
    session.close()


def test_failure_of_one_request_ends_the_evaluation_and_the_others() -> None:
    engine = Scripted(together=3, fails=4)
    session = EngineSession(engine)
    with pytest.raises(EngineError, match="broke"):
        EngineGenerator(session, max_new_tokens=7, places=3).generate([[3], [4], [5]])
    assert engine.running == 0
    session.close()


def test_engine_that_does_not_start_leaves_no_thread() -> None:
    import threading

    class Broken(Scripted):
        async def start(self) -> None:
            raise EngineError("no")

    before = threading.active_count()
    with pytest.raises(EngineError, match="no"):
        EngineSession(Broken())
    assert threading.active_count() == before


def changed(*, engine: str = "transformers", **serving: Any) -> AgentSettings:
    """The agent with an engine of evaluation, and the settings of `serving.engine`."""
    evaluation = AGENT.evaluation.model_validate(AGENT.evaluation.model_dump() | {"engine": engine})
    served = AGENT.serving.model_validate(AGENT.serving.model_dump() | {"engine": serving})
    return AGENT.model_copy(update={"evaluation": evaluation, "serving": served})


def test_generations_of_another_engine_have_another_identity_and_placement_has_none() -> None:
    folder = Path("model")
    inputs = [
        engine_input(changed(engine="llama_cpp"), folder=folder),
        engine_input(changed(engine="llama_cpp", quantization="Q8_0"), folder=folder),
        engine_input(changed(engine="vllm"), folder=folder),
        engine_input(changed(engine="vllm", options=("--dtype", "float32")), folder=folder),
    ]
    assert len({each["engine"] for each in inputs}) == 4
    assert engine_input(changed(), folder=folder) == {}  # its own decoder: earlier evaluations stay valid
    assert engine_input(changed(name="vllm"), folder=folder) == {}  # the engine that serves is not the one that judges
    assert engine_input(changed(engine="vllm"), folder=None) == {}  # an endpoint
    elsewhere = changed(engine="vllm", url="http://127.0.0.1:8001", threads=3, command=("/opt/vllm",))
    assert engine_input(elsewhere, folder=folder) == inputs[2]


def test_evaluation_through_llama_cpp_gives_the_answers_of_its_own_decoder(tmp_path: Path) -> None:
    """Steps and rollouts over a real backend; random weights in float32 on both sides."""
    pytest.importorskip("xllamacpp")
    from transformers import AutoTokenizer

    from toolft_pipeline.chat.formats import GEMMA3
    from toolft_pipeline.chat.rendering.serving import install_chat_format
    from toolft_pipeline.settings import CatalogMode
    from toolft_pipeline_tests.engines.random_models import write_tiny

    folder = write_tiny(tmp_path / "model", "gemma3", tied=False)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    install_chat_format(tokenizer, GEMMA3, CatalogMode.NONE)
    tokenizer.save_pretrained(folder)
    answers, lines = {}, []
    for engine in ("transformers", "llama_cpp"):
        settings = changed(engine=engine, quantization="F32", threads=1, context_tokens=2048)
        settings = settings.model_copy(
            update={
                "training": settings.training.model_copy(update={"compute_type": "fp32"}),
                "evaluation": settings.evaluation.model_copy(
                    update={"max_new_tokens": 6, "max_turns": 2, "batch_size": 2, "probes": False, "single_requests": 1}
                ),
            }
        )
        out = tmp_path / engine
        out.mkdir()
        evaluate_model(
            model=ModelUnderTest(name="tiny", folder=folder),
            tasks=load_tasks(settings.path(settings.evaluation.tasks))[:2],
            settings=settings,
            catalog=AGENT.path("catalog.json"),
            out=out,
            progress=lines.append,
            answers=GenerationCache(),
        )
        answers[engine] = (read_steps(out), read_rollouts(out))
    assert answers["llama_cpp"] == answers["transformers"]
    assert len({step.generated for step in answers["llama_cpp"][0]}) > 1
    assert sum("1 of 1 requests have the same text alone" in line for line in lines) == 2
