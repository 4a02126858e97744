"""A server put together from an agent file, asked by the official client while models come into service."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from openai import OpenAI

from toolft_pipeline.errors import FixableError
from toolft_pipeline.evaluation.promotion.rollback import roll_back
from toolft_pipeline.serving.notice import Notice
from toolft_pipeline.serving.server.server_parts import open_server_parts
from toolft_pipeline.warehouse.store import Version
from toolft_pipeline_tests.serving.desk_warehouse import AGENT, DAYS, DeskWarehouse
from toolft_pipeline_tests.serving.running_app import RunningApp
from toolft_pipeline_tests.serving.scripted_engine import CHUNKS, HANG_S, Engines


class HttpServing:
    """A whole server on loopback; its engines are scripted, everything else is real."""

    def __init__(self, desk: DeskWarehouse, **serving: Any) -> None:
        self.notices: list[Notice] = []
        self.engines = Engines()
        self.app = RunningApp(
            open_server_parts(
                desk.settings(**serving),
                desk.warehouse,
                key=b"tests",
                engines=self.engines.make,
                notify=self.notices.append,
            )
        )
        self.http, self.client, self.close = self.app.http, self.app.client, self.app.close

    def ask(self, client: OpenAI, conversation: str | None = None) -> tuple[str, str]:
        """The model that an answer names, and its text."""
        headers = {} if conversation is None else {"X-Conversation-Id": conversation}
        answer = client.chat.completions.create(
            model=AGENT, messages=[{"role": "user", "content": "Hi"}], extra_headers=headers
        )
        return answer.model, answer.choices[0].message.content or ""


@pytest.fixture
def start(desk: DeskWarehouse) -> Iterator[Callable[..., HttpServing]]:
    opened: list[HttpServing] = []

    def begin(**serving: Any) -> HttpServing:
        opened.append(HttpServing(desk, **serving))
        return opened[-1]

    yield begin
    for serving in opened:
        serving.close()


def _expected(day: str) -> tuple[str, str]:
    return f"{AGENT}/{day}", " ".join([day] * CHUNKS)


def test_openai_clients_lose_no_answer_when_models_change(
    desk: DeskWarehouse, models: list[Version], start: Callable[..., HttpServing]
) -> None:
    """The name in an answer is that of the model that wrote its text."""
    serving, ended = start(), threading.Event()
    answers: list[tuple[str, str]] = []

    def ask_on(_number: int) -> None:
        client = serving.client()
        while not ended.is_set():
            name, text = serving.ask(client)
            answers.append((name, text.strip()))

    moves: list[tuple[str, Callable[[], object]]] = [
        (DAYS[1], partial(desk.promote, models[1])),
        (DAYS[0], partial(roll_back, desk.warehouse, AGENT)),
    ]
    with ThreadPoolExecutor(8) as executor:
        running = [executor.submit(ask_on, number) for number in range(8)]
        try:
            for day, move in moves:
                before = len(answers)
                move()
                _until(serving, lambda day=day, before=before: _expected(day) in answers[before:])  # type: ignore[misc]
        finally:
            ended.set()
    for each in running:
        each.result()
    assert set(answers) == {_expected(DAYS[0]), _expected(DAYS[1])}
    assert serving.engines.most_alive == 2


def test_feedback_reaches_the_canary_and_its_report(models: list[Version], start: Callable[..., HttpServing]) -> None:
    serving = start(canary={"share": 0.5})
    client = serving.client()
    asked = [(f"c-{number}", serving.ask(client, f"c-{number}")) for number in range(20)]
    good, bad = [name for name, (model, _) in asked if model.endswith(DAYS[2])][:2]
    given = [(good, "success"), (good, "failure"), (bad, "failure"), ("of nobody", "failure")]
    bodies = [{"conversation_id": name, "outcome": outcome} for name, outcome in given]
    assert [serving.http.post("/feedback", json=body).status_code for body in bodies] == [200, 409, 200, 404]
    report = serving.http.get("/canary").json()
    assert report["candidate"]["day"] == DAYS[2]
    assert report["arms"]["candidate"]["negative_feedback"] == 1
    assert report["arms"]["champion"]["negative_feedback"] == 0


def test_ready_and_metrics_show_a_model_that_cannot_be_loaded(
    desk: DeskWarehouse, models: list[Version], start: Callable[..., HttpServing]
) -> None:
    serving = start()
    assert serving.http.get("/canary").status_code == 404
    (models[1].folder / "model" / "model.safetensors").write_text("other weights")
    desk.promote(models[1])
    _until(serving, lambda: bool(serving.notices))
    ready = serving.http.get("/ready")
    assert ready.status_code == 200
    assert ready.json()["failed"]["champion"]["digest"] == models[1].manifest.content_digest
    assert str(desk.warehouse.root) not in ready.text
    assert str(desk.warehouse.root) in str(serving.notices[0])
    metrics = serving.http.get("/metrics").text
    assert f'toolft_model_loaded{{arm="champion",digest="{models[0].manifest.content_digest[:16]}"' in metrics
    assert 'toolft_model_load_failures{arm="champion"} 0.0' not in metrics


def test_run_log_that_cannot_be_written_is_refused_in_one_line(desk: DeskWarehouse, models: list[Version]) -> None:
    (desk.agent_folder / "logs").write_text("a file where the folder should be")
    parts = open_server_parts(desk.settings(), desk.warehouse, key=b"tests", engines=Engines().make)

    async def begin() -> None:
        with pytest.raises(FixableError, match=r"serving\.runs\.enabled"):
            await parts.start()
        await parts.close()

    asyncio.run(begin())


def _until(serving: HttpServing, holds: Callable[[], bool]) -> None:
    async def wait() -> None:
        while not holds():
            await asyncio.sleep(0.001)

    serving.app.thread.run(asyncio.wait_for(wait(), HANG_S))
