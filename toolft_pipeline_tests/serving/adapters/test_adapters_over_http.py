"""Models as adapters over one base: promotions, a canary and failures, asked by the official client over HTTP."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import openai
import pytest

from toolft_pipeline.engines.engine import EngineError
from toolft_pipeline.evaluation.promotion.rollback import roll_back
from toolft_pipeline.serving.served_turn import Arm
from toolft_pipeline_tests.engines.vllm.local_vllm import LocalVllm
from toolft_pipeline_tests.serving.adapters.desk_of_adapters import AdapterDesk, AdapterServing
from toolft_pipeline_tests.serving.desk_warehouse import AGENT

Start = Callable[..., AdapterServing]


def at(vllm: LocalVllm) -> dict[str, Any]:
    return {"url": vllm.address}


def test_promotions_under_load_lose_no_answer_and_load_before_traffic_moves(
    adapters: AdapterDesk, vllm: LocalVllm, start: Start
) -> None:
    """The name in an answer is that of the model whose adapter wrote it; no request reaches an adapter that is gone."""
    serving, ended = start(engine=at(vllm)), threading.Event()
    answers: list[tuple[str, str]] = []
    first, second = adapters.models[:2]
    assert list(vllm.adapters) == [adapters.adapter(first)]

    def ask_on(_number: int) -> None:
        while not ended.is_set():
            answers.append(serving.ask())

    moves: list[tuple[Any, Callable[[], object]]] = [
        (second, partial(adapters.desk.promote, second)),
        (first, partial(roll_back, adapters.desk.warehouse, AGENT)),
    ]
    with ThreadPoolExecutor(4) as executor:
        running = [executor.submit(ask_on, number) for number in range(4)]
        try:
            for model, move in moves:
                before = len(answers)
                move()
                serving.until(lambda model=model, before=before: adapters.said(model) in answers[before:])  # type: ignore[misc]
        finally:
            ended.set()
    for each in running:
        each.result()
    assert set(answers) == {adapters.said(first), adapters.said(second)}
    serving.close()
    assert vllm.adapters == {}
    loaded: set[str] = set()
    open_answers: dict[str, int] = {}
    for what, name in vllm.events:
        if what == "load":
            loaded.add(name)
        elif what == "unload":
            assert not open_answers.get(name)  # its last request has ended
            loaded.remove(name)
        elif name != vllm.name:  # the base is asked by the comparison with an adapter alone
            assert name in loaded
            open_answers[name] = open_answers.get(name, 0) + (1 if what == "ask" else -1)
    assert [name for what, name in vllm.events if what == "load"] == [
        adapters.adapter(model) for model in (first, second, first)
    ]


def test_old_adapter_stays_until_its_last_request_has_ended(
    adapters: AdapterDesk, vllm: LocalVllm, start: Start
) -> None:
    serving = start(engine=at(vllm))
    first, second = adapters.models[:2]
    vllm.hold = True
    with ThreadPoolExecutor(1) as executor:
        while vllm.started.acquire(blocking=False):
            pass  # answers of the comparison with the base
        old = executor.submit(serving.ask)
        assert vllm.started.acquire(timeout=600)
        vllm.hold = False  # for those that begin now
        adapters.desk.promote(second)
        serving.until(lambda: serving.serves(second))
        assert serving.ask() == adapters.said(second)
        assert set(vllm.adapters) == {adapters.adapter(first), adapters.adapter(second)}
        vllm.go()
        assert old.result() == adapters.said(first)
    serving.until(lambda: list(vllm.adapters) == [adapters.adapter(second)])
    assert not serving.notices


def test_canary_s_candidate_is_a_second_adapter_and_a_promotion_loads_nothing(
    adapters: AdapterDesk, vllm: LocalVllm, start: Start
) -> None:
    serving = start(engine=at(vllm), canary={"share": 0.5})
    champion, candidate = adapters.models[0], adapters.models[2]
    answers = {serving.ask(f"c-{number}") for number in range(20)}
    assert answers == {adapters.said(champion), adapters.said(candidate)}
    assert list(vllm.adapters) == [adapters.adapter(champion), adapters.adapter(candidate)]
    adapters.desk.promote(candidate)
    serving.until(lambda: list(vllm.adapters) == [adapters.adapter(candidate)])
    assert {serving.ask(f"d-{number}") for number in range(4)} == {adapters.said(candidate)}
    assert [what for what, _ in vllm.events].count("load") == 2
    assert set(serving.app.get("/ready").json()["models"]) == {Arm.CHAMPION.value}


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"use_dora": True}, "DoRA"),
        ({"r": 128}, "LoRA rank 128 is greater than max_lora_rank 64"),
        ({"target_modules": ["c_attn"]}, "expected target modules"),
    ],
)
def test_adapter_that_cannot_be_loaded_changes_nothing_and_is_said(
    adapters: AdapterDesk, vllm: LocalVllm, start: Start, config: dict[str, Any], words: str
) -> None:
    serving = start(engine=at(vllm))
    spoilt = adapters.desk.model("2026-10-04", "four", base=adapters.base, adapter_config=config)
    adapters.desk.promote(spoilt)
    serving.until(lambda: bool(serving.notices))
    assert words in serving.notices[0].error
    assert serving.ask() == adapters.said(adapters.models[0])
    assert list(vllm.adapters) == [adapters.adapter(adapters.models[0])]


def test_adapter_that_the_server_has_lost_is_loaded_again(adapters: AdapterDesk, vllm: LocalVllm, start: Start) -> None:
    """A vLLM of somebody else was started again: it has the base, and none of our adapters."""
    serving = start(engine=at(vllm))
    vllm.adapters.clear()
    with pytest.raises(openai.InternalServerError):
        serving.ask()
    serving.until(lambda: bool(vllm.adapters) and serving.champion_answers())
    assert serving.ask() == adapters.said(adapters.models[0])
    assert "does not exist" in serving.notices[0].error


def test_adapter_of_a_killed_server_is_taken_over(adapters: AdapterDesk, vllm: LocalVllm, start: Start) -> None:
    model = adapters.models[0]
    folder = adapters.desk.warehouse.root / AGENT / "qlora_adapter" / str(model.manifest.address.partition)
    version = next((folder / "versions").glob(f"*-{adapters.adapter_digest(model)[:12]}"))
    vllm.adapters[adapters.adapter(model)] = str(version / "adapter")
    serving = start(engine=at(vllm))
    assert serving.ask() == adapters.said(model)
    serving.close()
    assert vllm.adapters == {}


def test_adapter_that_answers_as_its_base_is_refused(adapters: AdapterDesk, vllm: LocalVllm, start: Start) -> None:
    vllm.ignores_adapters = True
    with pytest.raises(EngineError, match="it is not applied"):
        start(engine=at(vllm))
    assert vllm.adapters == {}


@pytest.mark.parametrize("path", ["/v1/load_lora_adapter", "/v1/unload_lora_adapter"])
def test_doors_of_vllm_are_not_behind_ours(adapters: AdapterDesk, vllm: LocalVllm, start: Start, path: str) -> None:
    serving = start(engine=at(vllm))
    before, asked = dict(vllm.adapters), list(vllm.events)
    body = {"lora_name": next(iter(before)), "lora_path": str(adapters.base_folder)}
    for sent in (path, path + "/", path.removeprefix("/v1"), f"/v1/chat/completions/..{path.removeprefix('/v1')}"):
        assert serving.app.post(sent, body).status_code == 404, sent
    named = serving.app.post(
        "/v1/chat/completions",
        {"model": next(iter(before)), "messages": [{"role": "user", "content": "Hi"}]},
    )
    assert named.status_code == 404  # an adapter's name is no model of ours
    assert (vllm.adapters, vllm.events) == (before, asked)
