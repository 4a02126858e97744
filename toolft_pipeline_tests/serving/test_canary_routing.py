"""Which model answers while a candidate takes a share of conversations, over a real warehouse and sockets."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from toolft_pipeline.engines.engine import EngineError
from toolft_pipeline.evaluation.promotion.rollback import roll_back
from toolft_pipeline.serving.notice import Notice
from toolft_pipeline.serving.served_model import ServedModel
from toolft_pipeline.serving.served_turn import Arm, TurnFault
from toolft_pipeline.warehouse.store import Version
from toolft_pipeline_tests.serving.desk_warehouse import AGENT, DAYS, DeskWarehouse
from toolft_pipeline_tests.serving.line_serving import Serving, whole_answer
from toolft_pipeline_tests.serving.scripted_engine import HANG_S, ask
from toolft_pipeline_tests.serving.served_turns import served_turn

HALF = {"canary": {"share": 0.5}}
NAMES = [f"conversation-{number}" for number in range(40)]
BOTH = {whole_answer(DAYS[0]), whole_answer(DAYS[2], "candidate")}


def _answers(serving: Serving) -> list[str]:
    with ThreadPoolExecutor(8) as executor:
        return list(executor.map(lambda name: ask(serving.port, name), NAMES))


def _candidate(serving: Serving) -> str | None:
    model = serving.router.status()["models"].get("candidate")
    return None if model is None else model["name"]


def test_newest_model_answers_its_share_and_conversations_keep_it(
    models: list[Version], serve: Callable[..., Serving]
) -> None:
    serving = serve(**HALF)
    answers = _answers(serving)
    assert set(answers) == BOTH
    assert _answers(serving) == answers
    serving.close_now()
    assert _answers(serve(**HALF)) == answers


def test_no_share_serves_no_candidate(models: list[Version], serve: Callable[..., Serving]) -> None:
    serving = serve()
    assert set(_answers(serving)) == {whole_answer(DAYS[0])}
    assert serving.engines.started == [DAYS[0]]


def test_conversation_that_began_with_the_champion_stays_there(
    desk: DeskWarehouse, models: list[Version], serve: Callable[..., Serving]
) -> None:
    desk.promote(models[2])
    serving = serve(**HALF)
    assert set(_answers(serving)) == {whole_answer(DAYS[2])}
    desk.model("2026-10-04", "new")
    serving.until(lambda: _candidate(serving) == f"{AGENT}/2026-10-04")
    assert set(_answers(serving)) == {whole_answer(DAYS[2])}
    later = {ask(serving.port, f"later-{number}") for number in range(20)}
    assert later == {whole_answer(DAYS[2]), whole_answer("new", "candidate")}


def test_promoted_candidate_takes_over_without_loading_again(
    desk: DeskWarehouse, models: list[Version], serve: Callable[..., Serving]
) -> None:
    serving = serve(**HALF)
    desk.promote(models[2])
    serving.until(lambda: serving.model() == DAYS[2])
    assert set(_answers(serving)) == {whole_answer(DAYS[2])}
    assert serving.engines.started == [DAYS[0], DAYS[2]]


def test_promotion_of_a_third_model_makes_room_first(
    desk: DeskWarehouse, models: list[Version], serve: Callable[..., Serving]
) -> None:
    """Champion and candidate are two models already: the candidate leaves, its requests finish, and it comes back."""
    serving = serve(**HALF)
    name = next(name for name in NAMES if "candidate" in ask(serving.port, name))
    with ThreadPoolExecutor(1) as executor:
        long = executor.submit(ask, serving.port, name, 1)
        serving.until(serving.engines.holding.is_set)
        desk.promote(models[1])
        serving.until(lambda: _candidate(serving) is None)
        assert ask(serving.port, name) == whole_answer(DAYS[0])
        serving.set_hold()
        assert long.result() == whole_answer(DAYS[2], "candidate")
    serving.until(lambda: serving.model() == DAYS[1])
    serving.until(lambda: _candidate(serving) == f"{AGENT}/{DAYS[2]}")
    assert serving.engines.most_alive == 2
    assert not any(engine.closed_while_running for engine in serving.engines.made)


def test_withdrawn_candidate_gets_no_conversation(
    desk: DeskWarehouse, models: list[Version], serve: Callable[..., Serving]
) -> None:
    desk.promote(models[2])
    roll_back(desk.warehouse, AGENT)
    serving = serve(**HALF)
    assert set(_answers(serving)) == {whole_answer(DAYS[0])}
    assert _candidate(serving) is None


def test_candidate_that_failed_a_merge_check_gets_no_conversation(
    desk: DeskWarehouse, models: list[Version], serve: Callable[..., Serving]
) -> None:
    desk.model("2026-10-04", "unchecked", checks_pass=False)
    serving = serve(**HALF)
    assert _candidate(serving) is None
    serving.until(lambda: bool(serving.notices))
    (notice,) = serving.notices  # told once, though it is looked at a hundred times a second
    assert notice.subject == "canary refused"
    assert "2026-10-04" in notice.error
    assert "checks of its merge failed: merged_logits, reload_same_tokens" in notice.error


def test_alert_that_takes_long_delays_no_promotion(
    desk: DeskWarehouse, models: list[Version], serve: Callable[..., Serving]
) -> None:
    desk.model("2026-10-04", "unchecked", checks_pass=False)
    begun, over = threading.Event(), threading.Event()

    def notify(_notice: Notice) -> None:
        begun.set()
        over.wait(HANG_S)

    serving = serve(**HALF, notify=notify)
    assert begun.wait(HANG_S)
    desk.promote(models[1])
    serving.until(lambda: serving.model() == DAYS[1])
    over.set()


def test_named_candidate_that_does_not_exist_is_told(models: list[Version], serve: Callable[..., Serving]) -> None:
    serving = serve(canary={"share": 0.5, "version": "2026-10-31"})
    assert _candidate(serving) is None
    serving.until(lambda: bool(serving.notices))
    assert "the candidate of 2026-10-31 gets no conversation: there is no merged model of that day" in str(
        serving.notices[0]
    )


def test_older_model_is_a_candidate_by_name_alone(
    desk: DeskWarehouse, models: list[Version], serve: Callable[..., Serving]
) -> None:
    desk.promote(models[2])
    assert _candidate(serve(**HALF)) is None
    assert _candidate(serve(canary={"share": 0.5, "version": DAYS[1]})) == f"{AGENT}/{DAYS[1]}"


def test_candidate_that_cannot_be_loaded_leaves_all_to_the_champion(
    desk: DeskWarehouse, models: list[Version], serve: Callable[..., Serving]
) -> None:
    desk.promote(models[2])
    serving = serve(**HALF)

    async def fail(model: ServedModel) -> None:
        raise EngineError(f"{model.day}: no memory")

    serving.engines.while_starting = fail
    desk.model("2026-10-04", "new")
    serving.until(lambda: "candidate" in serving.router.status()["failed"])
    assert set(_answers(serving)) == {whole_answer(DAYS[2])}
    assert serving.engines.alive == 1
    assert "all conversations go to the champion" in str(serving.notices[0])


def test_stopped_candidate_is_unloaded_and_stays_away(models: list[Version], serve: Callable[..., Serving]) -> None:
    serving = serve(**HALF)
    answers = _answers(serving)
    canary = serving.canary
    assert canary is not None
    for name in [name for name, answer in zip(NAMES, answers, strict=True) if "candidate" in answer][:3]:
        canary.observe(served_turn(name, Arm.CANDIDATE, fault=TurnFault.MALFORMED))
    assert set(_answers(serving)) == {whole_answer(DAYS[0])}
    serving.until(lambda: serving.engines.closed == [DAYS[2]])
    serving.close_now()
    again = serve(**HALF)
    assert again.engines.started == [DAYS[0]]
    assert set(_answers(again)) == {whole_answer(DAYS[0])}
    again.until(lambda: bool(again.notices))
    assert [notice.subject for notice in (*serving.notices, *again.notices)] == ["canary stopped", "canary refused"]
    assert "an earlier canary stopped it at" in again.notices[0].error


def test_second_server_of_an_agent_serves_the_champion_alone(
    models: list[Version], serve: Callable[..., Serving]
) -> None:
    first, second = serve(**HALF), serve(**HALF)
    assert set(_answers(first)) == BOTH
    assert set(_answers(second)) == {whole_answer(DAYS[0])}
    second.until(lambda: bool(second.notices))
    assert "another server runs this agent's canary" in str(second.notices[0])
    first.close_now()
    second.until(lambda: _candidate(second) is not None)


@pytest.mark.parametrize("error", ["EngineError", "none"])
def test_engine_error_of_a_request_is_counted_for_its_arm(
    models: list[Version], serve: Callable[..., Serving], error: str
) -> None:
    serving = serve(**HALF)
    name = next(name for name in NAMES if "candidate" in ask(serving.port, name))
    if error == "EngineError":
        serving.engines.made[1].closed = True
    ask(serving.port, name)
    assert serving.canary is not None
    counts = serving.canary.report()["arms"]["candidate"]
    assert counts["engine_errors"] == (1 if error == "EngineError" else 0)
    serving.engines.made[1].closed = False
