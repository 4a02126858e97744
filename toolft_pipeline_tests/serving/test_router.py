"""The router over a real warehouse: promotions and rollbacks while clients ask, models that do not load, memory."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from toolft_pipeline.engines.engine import EngineError
from toolft_pipeline.evaluation.promotion.rollback import roll_back
from toolft_pipeline.serving.routing.find_model import ModelNotServableError
from toolft_pipeline.serving.routing.router import FollowingRouter
from toolft_pipeline.serving.served_model import ServedModel
from toolft_pipeline.warehouse.store import Version
from toolft_pipeline_tests.serving.desk_warehouse import AGENT, DAYS, DeskWarehouse
from toolft_pipeline_tests.serving.line_serving import Serving, whole_answer
from toolft_pipeline_tests.serving.scripted_engine import HANG_S, Engines, ask


@pytest.mark.parametrize("clients", [8, 32])
def test_promotions_under_load_lose_no_request_and_mix_no_answer(
    desk: DeskWarehouse, models: list[Version], serve: Callable[..., Serving], clients: int
) -> None:
    """Two promotions and two rollbacks. A request that begins after an answer of the new model never gets the old."""
    serving = serve()
    moves: list[tuple[str, Callable[[], object]]] = [
        (DAYS[1], lambda: desk.promote(models[1])),
        (DAYS[2], lambda: desk.promote(models[2])),
        (DAYS[1], lambda: roll_back(desk.warehouse, AGENT)),
        (DAYS[0], lambda: roll_back(desk.warehouse, AGENT)),
    ]
    answers: list[tuple[int, int, str]] = []  # the moves that were seen when the request began, and when it ended
    seen, ended = [0], threading.Event()

    def client(number: int) -> None:
        turn = 0
        while not ended.is_set():
            began, turn = seen[0], turn + 1
            answer = ask(serving.port, f"conversation-{number}-{turn}")
            answers.append((began, seen[0], answer))

    with ThreadPoolExecutor(clients) as executor:
        running = [executor.submit(client, number) for number in range(clients)]
        try:
            for number, (day, move) in enumerate(moves, start=1):
                move()
                serving.until(lambda day=day: any(answer == whole_answer(day) for _, _, answer in answers[-clients:]))  # type: ignore[misc]
                seen[0] = number
                enough = len(answers) + 2 * clients
                serving.until(lambda enough=enough: len(answers) >= enough)  # type: ignore[misc]
        finally:
            ended.set()
    for each in running:
        each.result()
    days = [DAYS[0], *(day for day, _ in moves)]
    wrong = [
        (began, last, answer)
        for began, last, answer in answers
        if answer not in {whole_answer(day) for day in days[began : min(last + 2, len(days))]}
    ]
    assert not wrong, wrong[:5]
    assert len(answers) > 8 * clients
    assert serving.engines.started == days
    assert serving.engines.most_alive <= 2
    assert not any(engine.closed_while_running for engine in serving.engines.made)


def test_old_request_finishes_on_the_old_model_which_is_closed_then(
    desk: DeskWarehouse, models: list[Version], serve: Callable[..., Serving]
) -> None:
    serving = serve()
    with ThreadPoolExecutor(1) as executor:
        long = executor.submit(ask, serving.port, "long", 1)
        serving.until(serving.engines.holding.is_set)
        desk.promote(models[1])
        serving.until(lambda: serving.model() == DAYS[1])
        assert ask(serving.port, "new") == whole_answer(DAYS[1])
        assert not serving.engines.closed
        assert serving.router.status()["draining"] == [{"name": f"{AGENT}/{DAYS[0]}", "requests": 1}]
        serving.set_hold()
        assert long.result() == whole_answer(DAYS[0])
    serving.until(lambda: serving.engines.closed == [DAYS[0]])
    serving.until(lambda: serving.router.status()["draining"] == [])


def test_old_request_is_ended_after_drain_s(
    desk: DeskWarehouse, models: list[Version], serve: Callable[..., Serving]
) -> None:
    serving = serve(limits={"drain_s": 0.01})
    with ThreadPoolExecutor(1) as executor:
        long = executor.submit(ask, serving.port, "long", 1)
        serving.until(serving.engines.holding.is_set)
        desk.promote(models[1])
        serving.until(lambda: serving.engines.closed == [DAYS[0]])
        serving.set_hold()
        assert "EngineError" in long.result()
    serving.until(lambda: bool(serving.notices))
    assert "1 requests were ended" in str(serving.notices[0])


def test_model_that_cannot_be_loaded_leaves_the_old_one_and_is_tried_again(
    desk: DeskWarehouse, models: list[Version], serve: Callable[..., Serving]
) -> None:
    serving = serve()
    broken = True

    async def fail(model: ServedModel) -> None:
        if broken and model.day == DAYS[1]:
            raise EngineError("no memory")

    serving.engines.while_starting = fail
    desk.promote(models[1])
    serving.until(lambda: serving.engines.started.count(DAYS[1]) >= 3)
    assert ask(serving.port, "a") == whole_answer(DAYS[0])
    failed = serving.router.status()["failed"]["champion"]
    assert failed["digest"] == models[1].manifest.content_digest
    figures = {(each.name, each.labels.get("arm")): each.value for each in serving.router.figures()}
    assert figures["toolft_model_load_failures", "champion"] >= 2
    assert [str(notice) for notice in serving.notices] == [
        f"{AGENT}: champion: model {models[1].manifest.content_digest[:16]} cannot be served: no memory; "
        "the model in service stays; it is tried again"
    ]
    broken = False
    serving.until(lambda: serving.model() == DAYS[1])
    assert ask(serving.port, "a") == whole_answer(DAYS[1])
    assert serving.router.status()["failed"] == {}
    assert serving.engines.alive == 1


def test_damaged_model_is_not_served_and_a_rollback_ends_the_attempts(
    desk: DeskWarehouse, models: list[Version], serve: Callable[..., Serving]
) -> None:
    serving = serve()
    desk.promote(models[1])
    serving.until(lambda: serving.model() == DAYS[1])
    (models[2].folder / "model" / "model.safetensors").write_text("other weights")
    desk.promote(models[2])
    serving.until(lambda: "champion" in serving.router.status()["failed"])
    assert ask(serving.port, "a") == whole_answer(DAYS[1])
    roll_back(desk.warehouse, AGENT)
    serving.until(lambda: serving.router.status()["failed"] == {})
    assert serving.engines.started == [DAYS[0], DAYS[1]]


def test_rollback_while_the_next_model_loads_keeps_the_old(
    desk: DeskWarehouse, models: list[Version], serve: Callable[..., Serving]
) -> None:
    serving = serve()
    loading, go_on = threading.Event(), asyncio.Event()

    async def wait(model: ServedModel) -> None:
        if model.day == DAYS[1]:
            loading.set()
            await go_on.wait()

    serving.engines.while_starting = wait
    desk.promote(models[1])
    assert loading.wait(HANG_S)
    assert ask(serving.port, "a") == whole_answer(DAYS[0])
    roll_back(desk.warehouse, AGENT)
    serving.thread.loop.call_soon_threadsafe(go_on.set)
    serving.until(lambda: serving.engines.closed == [DAYS[1]])
    assert serving.model() == DAYS[0]
    assert ask(serving.port, "b") == whole_answer(DAYS[0])


def test_two_promotions_in_quick_succession_end_with_the_last(
    desk: DeskWarehouse, models: list[Version], serve: Callable[..., Serving]
) -> None:
    """While an old request holds the first model, the third is not loaded: two models at most."""
    serving = serve()
    with ThreadPoolExecutor(1) as executor:
        long = executor.submit(ask, serving.port, "long", 1)
        serving.until(serving.engines.holding.is_set)
        desk.promote(models[1])
        serving.until(lambda: serving.model() == DAYS[1])
        desk.promote(models[2])
        for number in range(100):  # many looks at the pointer
            assert ask(serving.port, f"a-{number}") == whole_answer(DAYS[1])
        serving.set_hold()
        assert long.result() == whole_answer(DAYS[0])
    serving.until(lambda: serving.model() == DAYS[2])
    assert ask(serving.port, "b") == whole_answer(DAYS[2])
    assert serving.engines.most_alive == 2


def test_warehouse_that_is_gone_for_a_moment_changes_nothing(
    desk: DeskWarehouse, models: list[Version], serve: Callable[..., Serving]
) -> None:
    serving = serve()
    pointer = desk.warehouse.root / AGENT / "model_in_service" / "all" / "pointers" / "00000002.json"
    pointer.write_text("{")
    serving.until(lambda: bool(serving.notices))
    assert ask(serving.port, "a") == whole_answer(DAYS[0])
    pointer.unlink()
    desk.promote(models[1])
    serving.until(lambda: serving.model() == DAYS[1])
    assert len(serving.notices) == 1


@pytest.mark.parametrize("version", [None, DAYS[1]])
def test_engine_that_fails_is_replaced_by_one_of_the_same_model(
    models: list[Version], serve: Callable[..., Serving], version: str | None
) -> None:
    serving = serve(version=version)
    day = serving.model()
    serving.engines.made[0].failure = "out of memory"
    serving.until(lambda: serving.engines.closed == [day])
    assert ask(serving.port, "a") == whole_answer(day)
    assert serving.engines.started == [day, day]
    assert [notice.error for notice in serving.notices] == ["out of memory"]


def test_fixed_version_follows_no_pointer(
    desk: DeskWarehouse, models: list[Version], serve: Callable[..., Serving]
) -> None:
    serving = serve(version=DAYS[1])
    desk.promote(models[2])
    following = serve()
    following.until(lambda: following.model() == DAYS[2])
    assert ask(serving.port, "a") == whole_answer(DAYS[1])


def test_start_without_a_model_is_refused_and_routes_nothing(tmp_path: Path) -> None:
    desk = DeskWarehouse(tmp_path)

    async def start() -> None:
        router = FollowingRouter(warehouse=desk.warehouse, settings=desk.settings(), make_engine=Engines().make)
        with pytest.raises(EngineError):
            async with router.route("a"):
                pass
        assert router.current() is None
        with pytest.raises(ModelNotServableError):
            await router.start()
        await router.close()

    asyncio.run(start())


def test_close_lets_running_requests_finish(
    desk: DeskWarehouse, models: list[Version], serve: Callable[..., Serving]
) -> None:
    serving = serve()
    with ThreadPoolExecutor(2) as executor:
        long = executor.submit(ask, serving.port, "long", 1)
        serving.until(serving.engines.holding.is_set)
        closing = executor.submit(serving.thread.run, serving.router.close())
        serving.until(lambda: serving.router.current() is None)
        assert "EngineError" in ask(serving.port, "late")
        serving.set_hold()
        closing.result()
        assert long.result() == whole_answer(DAYS[0])
    assert not any(engine.closed_while_running for engine in serving.engines.made)
    assert serving.engines.alive == 0
