"""The fallback: what is asked of the endpoint, what of its answers is handed on, and what its failures do."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from toolft_pipeline.serving.nets.fallback import HOUR_S, EndpointFallback, FallbackError, HourlyBudget
from toolft_pipeline.serving.served_turn import ServedTurn, TurnFault
from toolft_pipeline.settings import EndpointSettings
from toolft_pipeline.settings.serving import FallbackSettings
from toolft_pipeline_tests.evaluation.openai_server import Fault, Server, serving
from toolft_pipeline_tests.serving.nets.turns import WEATHER, broken, calling, request_of

pytest.importorskip("openai", reason="no openai: pip install -e '.[endpoints]'")

KEY, SECRET = "TOOLFT_TEST_KEY", "sk-never-to-be-seen"
DRY = {"content": "It is dry."}


def call(name: str, arguments: str) -> dict[str, Any]:
    return {"id": "theirs", "type": "function", "function": {"name": name, "arguments": arguments}}


@pytest.fixture
def incumbent() -> Iterator[Server]:
    with serving(Server(lambda _messages: DRY)) as server:
        yield server


def caught(
    incumbent: Server, *turns: ServedTurn, endpoint: dict[str, Any] | None = None, drift: bool = False, **settings: Any
) -> list[ServedTurn]:
    """What becomes of these turns, one after another."""

    async def catch() -> list[ServedTurn]:
        net = net_of(incumbent, endpoint=endpoint, drift=drift, **settings)
        try:
            return [await net.catch(turn) for turn in turns]
        finally:
            await net.close()

    return asyncio.run(catch())


def net_of(
    incumbent: Server, *, endpoint: dict[str, Any] | None = None, drift: bool = False, **settings: Any
) -> EndpointFallback:
    return EndpointFallback(
        FallbackSettings(enabled=True, endpoint="big", **settings),
        EndpointSettings(**{"base_url": incumbent.address, "model": "large-1", "key_from": None, **(endpoint or {})}),
        while_drifting=drift,
    )


class TestWhenItAsks:
    @pytest.mark.parametrize("fault", TurnFault)
    def test_turns_with_any_fault_are_asked(self, incumbent: Server, fault: TurnFault) -> None:
        (turn,) = caught(incumbent, broken(fault=fault))
        assert (turn.fallback, turn.fallback_message) == ("big", {"role": "assistant", "content": "It is dry."})

    def test_our_own_turn_stays_beside_the_answer(self, incumbent: Server) -> None:
        ours = broken()
        (turn,) = caught(incumbent, ours)
        assert (turn.turn, turn.raw_text, turn.fault) == (ours.turn, ours.raw_text, TurnFault.MALFORMED)

    def test_good_turns_are_not_asked(self, incumbent: Server) -> None:
        good = calling('{"city": "Bonn"}')
        assert caught(incumbent, good) == [good]
        assert incumbent.requests == []

    def test_invalid_arguments_are_asked_by_setting(self, incumbent: Server) -> None:
        invalid = calling("{}", invalid_arguments=("weather: city is missing",))
        assert caught(incumbent, invalid, invalid_arguments=False) == [invalid]
        assert caught(incumbent, invalid)[0].fallback == "big"

    def test_drifted_turns_are_asked_by_setting(self, incumbent: Server) -> None:
        drifted = calling('{"city": "Bonn"}', catalog_drift=True)
        assert caught(incumbent, drifted) == [drifted]
        assert caught(incumbent, drifted, drift=True)[0].fallback == "big"


class TestWhatItAsks:
    def test_the_messages_and_the_full_tools_are_sent_once(
        self, incumbent: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(KEY, SECRET)
        extra = {"key_from": KEY, "request": {"seed": 3, "temperature": None}}
        caught(incumbent, broken(), endpoint=extra)
        ((headers, body),) = incumbent.requests
        assert {name.lower(): value for name, value in headers.items()}["authorization"] == f"Bearer {SECRET}"
        assert body == {
            "model": "large-1",
            "messages": [{"role": "user", "content": "Is it dry in Bonn?"}],
            "tools": [WEATHER],
            "tool_choice": "auto",
            "max_tokens": 64,
            "seed": 3,
        }

    def test_tool_choice_and_no_tools_are_passed_on(self, incumbent: Server) -> None:
        named = request_of(named_tool="weather", parallel_tool_calls=False)
        caught(incumbent, broken(request=named), broken(request=request_of(tools=())))
        (_, first), (_, second) = incumbent.requests
        assert first["tool_choice"] == {"type": "function", "function": {"name": "weather"}}
        assert first["parallel_tool_calls"] is False
        assert not {"tools", "tool_choice"} & second.keys()

    def test_missing_key_is_one_clear_line(self, incumbent: Server) -> None:
        with pytest.raises(FallbackError, match="big: no key: set the environment variable NO_SUCH_KEY"):
            net_of(incumbent, endpoint={"key_from": "NO_SUCH_KEY"})


class TestAnswers:
    def test_valid_calls_are_handed_on_under_ids_of_ours(self, incumbent: Server) -> None:
        incumbent.answer = lambda _messages: {"content": None, "tool_calls": [call("weather", '{"city": "Bonn"}')]}
        (turn,) = caught(incumbent, broken())
        assert turn.fallback_message is not None
        (sent,) = turn.fallback_message["tool_calls"]
        assert sent["function"] == {"name": "weather", "arguments": '{"city": "Bonn"}'}
        assert sent["id"].startswith("call_")

    @pytest.mark.parametrize(
        "message",
        [
            {"content": '<tool_call>{"name": "weather"}'},
            {"content": None, "tool_calls": [call("weather", '{"city": ')]},
            {"content": None, "tool_calls": [call("weather", '["Bonn"]')]},
            {"content": None, "tool_calls": [call("weather", '{"city": 3}')]},
            {"content": None, "tool_calls": [call("wind", '{"city": "Bonn"}')]},
            {"content": None},
        ],
        ids=["text call", "cut arguments", "list", "invalid", "unknown tool", "empty"],
    )
    def test_answers_with_faults_are_not_handed_on(self, incumbent: Server, message: dict[str, Any]) -> None:
        incumbent.answer = lambda _messages: message
        ours = broken()
        assert caught(incumbent, ours) == [ours]
        assert len(incumbent.requests) == 1

    def test_cut_answers_are_not_handed_on(self, incumbent: Server) -> None:
        incumbent.finish_reason = "length"
        ours = broken()
        assert caught(incumbent, ours) == [ours]

    def test_disobeyed_tool_choice_is_not_handed_on(self, incumbent: Server) -> None:
        ours = broken(request=request_of(named_tool="weather"))
        assert caught(incumbent, ours) == [ours]


class TestFailures:
    @pytest.mark.parametrize(
        "fault", [Fault(status=429), Fault(status=500), Fault(status=401), Fault(cut=True)], ids=repr
    )
    def test_failed_requests_leave_our_turn_and_say_nothing_of_theirs(
        self, incumbent: Server, fault: Fault, caplog: pytest.LogCaptureFixture
    ) -> None:
        incumbent.faults = [fault]
        ours = broken()
        with caplog.at_level(logging.INFO, "toolft.serving"):
            assert caught(incumbent, ours) == [ours]
        assert len(incumbent.requests) == 1
        assert "failed" in caplog.text
        assert "so the server says" not in caplog.text

    def test_slow_answers_end_at_the_time_limit(self, incumbent: Server) -> None:
        incumbent.faults = [Fault(hang=True)]
        ours = broken()
        assert caught(incumbent, ours, timeout_s=0.05) == [ours]

    def test_nobody_listening_leaves_our_turn(self, incumbent: Server) -> None:
        ours = broken()
        assert caught(incumbent, ours, endpoint={"base_url": "http://127.0.0.1:9/v1"}) == [ours]

    def test_a_client_that_goes_away_cancels_the_request(self) -> None:
        assert asyncio.run(_request_ends_with_its_client())


async def _request_ends_with_its_client() -> bool:
    """Whether the endpoint sees its connection close when the turn's task is cancelled."""
    came, gone = asyncio.Event(), asyncio.Event()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        came.set()
        while await reader.read(4096):
            pass
        gone.set()
        writer.close()

    listener = await asyncio.start_server(hold, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    net = net_of(Server(lambda _messages: DRY, address=f"http://127.0.0.1:{port}/v1"))
    task = asyncio.create_task(net.catch(broken()))
    await came.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(30):
        await gone.wait()
    await net.close()
    listener.close()
    return True


class TestBudget:
    def test_no_more_requests_than_the_budget(self, incumbent: Server) -> None:
        turns = caught(incumbent, broken(), broken(), broken(), per_hour=2)
        assert [turn.fallback for turn in turns] == ["big", "big", None]
        assert len(incumbent.requests) == 2

    def test_budget_is_never_exceeded_in_any_hour(self) -> None:
        now = 0.0
        budget = HourlyBudget(3, clock=lambda: now)
        taken = []
        for second in range(0, 3 * int(HOUR_S), 400):
            now = float(second)
            taken += [now] if budget.take() else []
        assert all(sum(start <= each < start + HOUR_S for each in taken) <= 3 for start in taken)
        assert len(taken) == 9

    def test_results_and_cost_are_figures(self, incumbent: Server) -> None:
        async def figures() -> dict[str, float]:
            net = net_of(incumbent, endpoint={"price_per_million_prompt_tokens": 2.0}, per_hour=1)
            await net.catch(broken())
            await net.catch(broken())
            await net.close()
            return {each.name + each.labels.get("result", ""): each.value for each in net.figures()}

        assert asyncio.run(figures()) == {
            "toolft_fallback_requests_totalanswered": 1,
            "toolft_fallback_requests_totalbudget": 1,
            "toolft_fallback_cost_total": 0.002,
        }
