"""The canary of a server: arms that stick, what counts as a failure, stops that last, a state that survives."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from toolft_pipeline.chat.rendering.parsing import ParsedTurn
from toolft_pipeline.engines.engine import EngineBusyError, EngineError
from toolft_pipeline.serving.canary.canary import Canary
from toolft_pipeline.serving.canary.canary_state import CanaryError
from toolft_pipeline.serving.notice import Notice
from toolft_pipeline.serving.routing.load_model import load_served_model
from toolft_pipeline.serving.served_model import ServedModel
from toolft_pipeline.serving.served_turn import Arm, TurnFault
from toolft_pipeline_tests.serving.desk_warehouse import AGENT, DAYS, DeskWarehouse, desk_with_models
from toolft_pipeline_tests.serving.served_turns import served_turn

CANDIDATE = "c" * 64
IDLE_S = 900.0

MALFORMED: dict[str, Any] = {
    "fault": TurnFault.MALFORMED,
    "turn": ParsedTurn(text="<tool_call>", malformed=("<tool_call>",)),
}


class Servers:
    """Canaries of one agent's servers, one after the other, with a clock that the test moves."""

    def __init__(self, desk: DeskWarehouse, champion: ServedModel) -> None:
        self.desk, self.champion = desk, champion
        self.clock = 1_000_000.0
        self.notices: list[Notice] = []
        self.opened: list[Canary] = []

    def start(self, *, candidate: str = CANDIDATE, **canary: Any) -> Canary:
        settings = self.desk.settings(canary={"share": 0.5, **canary})
        made = Canary(
            settings=settings,
            warehouse=self.desk.warehouse,
            notify=self.notices.append,
            now=lambda: self.clock,
        )
        made.open(champion=self.champion, candidate=candidate, candidate_day=DAYS[1])
        self.opened.append(made)
        return made


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[DeskWarehouse, ServedModel]:
    desk, _ = desk_with_models(tmp_path_factory.mktemp("template"))
    return desk, load_served_model(desk.warehouse, desk.settings())


@pytest.fixture
def servers(template: tuple[DeskWarehouse, ServedModel], tmp_path: Path) -> Iterator[Servers]:
    found = Servers(DeskWarehouse(tmp_path), template[1])
    yield found
    for canary in found.opened:
        canary.close()


def _ids(canary: Canary, arm: Arm, count: int, *, prefix: str = "c") -> list[str]:
    """Conversations that begin now, of one arm; those of the other arm begin too, and are never heard of."""
    names = (f"{prefix}-{number}" for number in range(10_000))
    return list(islice((name for name in names if canary.assign(name) is arm), count))


def _first(canary: Canary, arm: Arm, *, prefix: str) -> str:
    return _ids(canary, arm, 1, prefix=prefix)[0]


def test_arm_of_a_conversation_is_the_same_after_a_restart(servers: Servers) -> None:
    names = [f"conversation-{number}" for number in range(4000)]
    before = servers.start(share=0.1)
    arms = [before.assign(name) for name in names]
    before.close()
    after = servers.start(share=0.1)
    assert [after.assign(name) for name in names] == arms
    assert 0.08 < arms.count(Arm.CANDIDATE) / len(arms) < 0.12


def test_each_candidate_gets_another_sample_and_a_larger_share_keeps_the_first(servers: Servers) -> None:
    names = [f"conversation-{number}" for number in range(2000)]

    def sample(candidate: str, share: float) -> set[str]:
        canary = servers.start(candidate=candidate, share=share)
        found = {name for name in names if canary.assign(name) is Arm.CANDIDATE}
        canary.close()
        return found

    first = sample(CANDIDATE, 0.2)
    assert first < sample(CANDIDATE, 0.4)
    assert 0.1 < len(first & sample("d" * 64, 0.2)) / len(first) < 0.3


def test_malformed_turns_stop_the_candidate_at_once_and_for_good(servers: Servers) -> None:
    """Three conversations whose first turn does not parse; ten thousand that wait are not looked at."""
    canary = servers.start(min_conversations=1000)
    for name in _ids(canary, Arm.CANDIDATE, 3):
        assert canary.is_open(CANDIDATE)
        canary.observe(served_turn(name, Arm.CANDIDATE, **MALFORMED))
    assert not canary.is_open(CANDIDATE)
    assert canary.assign("another") is Arm.CHAMPION
    report = canary.report()
    assert report["status"] == "stopped"
    assert report["stopped"]["why"] == "its parse rate is below 0.9: 0 of 3 turns parsed"
    canary.close()
    assert [notice.subject for notice in servers.notices] == ["canary stopped"]
    another = Canary(settings=servers.desk.settings(canary={"share": 0.5}), warehouse=servers.desk.warehouse)
    assert another.is_stopped(CANDIDATE)
    assert not another.is_stopped("d" * 64)


def test_turns_after_a_fault_in_a_conversation_are_no_new_evidence(servers: Servers) -> None:
    """A client that sends the same request again gets the same malformed turn again."""
    canary = servers.start()
    running = _first(canary, Arm.CHAMPION, prefix="running")  # what began later is not compared yet
    canary.observe(served_turn(running, Arm.CHAMPION))
    name = _first(canary, Arm.CANDIDATE, prefix="retried")
    for _ in range(50):
        canary.observe(served_turn(name, Arm.CANDIDATE, **MALFORMED))
    assert canary.is_open(CANDIDATE)


def test_champion_that_does_not_parse_stops_no_candidate(servers: Servers) -> None:
    canary = servers.start()
    for name in _ids(canary, Arm.CHAMPION, 50):
        canary.observe(served_turn(name, Arm.CHAMPION, **MALFORMED))
    assert canary.is_open(CANDIDATE)


FAILURES: dict[str, dict[str, Any]] = {
    "unknown_tool": {"fault": TurnFault.UNKNOWN_TOOL},
    "invalid_arguments": {"invalid_arguments": ("arguments: missing",)},
    "fallback": {"fallback": "incumbent"},
}
NO_FAILURES: dict[str, dict[str, Any]] = {
    "good": {},
    "tool_choice": {"fault": TurnFault.TOOL_CHOICE},
    "cut_by_the_client": {"fault": TurnFault.CUT, "max_new_tokens": 3},
    "fallback_because_of_drift": {"fallback": "incumbent", "catalog_drift": True},
}


def _failed(servers: Servers, fields: dict[str, Any]) -> tuple[int, int]:
    """Failed and counted conversations of the candidate after one turn and a long silence."""
    canary = servers.start()
    name = _first(canary, Arm.CANDIDATE, prefix="one")
    canary.observe(served_turn(name, Arm.CANDIDATE, **fields))
    servers.clock += IDLE_S
    counts = canary.report()["arms"]["candidate"]
    return counts["failed"], counts["conversations"]


@pytest.mark.parametrize("kind", [*FAILURES, "malformed", "cut"])
def test_conversation_fails_by(servers: Servers, kind: str) -> None:
    fields = FAILURES | {"malformed": MALFORMED, "cut": {"fault": TurnFault.CUT}}
    assert _failed(servers, fields[kind]) == (1, 1)


@pytest.mark.parametrize("kind", [*NO_FAILURES])
def test_conversation_does_not_fail_by(servers: Servers, kind: str) -> None:
    assert _failed(servers, NO_FAILURES[kind]) == (0, 1)


def test_engine_error_fails_a_conversation_but_a_full_queue_does_not(servers: Servers) -> None:
    canary = servers.start()
    names = _ids(canary, Arm.CANDIDATE, 2)
    canary.engine_failed(names[0], EngineError("died"))
    canary.engine_failed(names[1], EngineBusyError("full"))
    servers.clock += IDLE_S
    counts = canary.report()["arms"]["candidate"]
    assert (counts["failed"], counts["conversations"], counts["engine_errors"]) == (1, 1, 1)


def test_negative_feedback_fails_a_conversation_that_is_not_complete(servers: Servers) -> None:
    canary = servers.start()
    early, late = _ids(canary, Arm.CANDIDATE, 2)
    for name in (early, late):
        canary.observe(served_turn(name, Arm.CANDIDATE))
    canary.feedback(early, negative=True)
    servers.clock += IDLE_S
    assert canary.report()["arms"]["candidate"]["failed"] == 1
    canary.feedback(late, negative=True)
    counts = canary.report()["arms"]["candidate"]
    assert (counts["failed"], counts["conversations"], counts["negative_feedback"]) == (1, 2, 1)


def test_worse_candidate_is_stopped_after_enough_conversations(servers: Servers) -> None:
    canary = servers.start(min_conversations=30, min_parse_rate=0)
    for number in range(29):
        _one_of_each(canary, f"load{number}")
    servers.clock += IDLE_S
    report = canary.report()
    assert (report["status"], report["arms"]["candidate"]["conversations"]) == ("running", 29)
    assert report["evidence"] > report["evidence_needed"]
    _one_of_each(canary, "last")
    servers.clock += IDLE_S
    report = canary.report()
    assert report["status"] == "stopped"
    assert report["stopped"]["why"] == "it fails more often: 30 of 30 conversations, the champion 0 of 30"


def _one_of_each(canary: Canary, prefix: str) -> None:
    """A conversation of the champion that goes well, and one of the candidate that does not."""
    canary.observe(served_turn(_first(canary, Arm.CHAMPION, prefix=f"{prefix}-a"), Arm.CHAMPION))
    name = _first(canary, Arm.CANDIDATE, prefix=f"{prefix}-b")
    canary.observe(served_turn(name, Arm.CANDIDATE, fault=TurnFault.UNKNOWN_TOOL))


def test_equally_bad_candidate_goes_on(servers: Servers) -> None:
    canary = servers.start(min_parse_rate=0)
    for arm in Arm:
        for name in _ids(canary, arm, 200, prefix="load"):
            canary.observe(served_turn(name, arm, fault=TurnFault.UNKNOWN_TOOL))
    servers.clock += 4 * IDLE_S
    report = canary.report()
    assert report["status"] == "running"
    assert report["arms"]["candidate"]["conversations"] == 200


def test_conversations_are_compared_in_the_order_in_which_they_began(servers: Servers) -> None:
    """A failure is known at once, and still waits for the conversations before it."""
    canary = servers.start()
    first = _first(canary, Arm.CHAMPION, prefix="slow")
    canary.observe(served_turn(first, Arm.CHAMPION))
    second = _first(canary, Arm.CANDIDATE, prefix="fast")
    canary.observe(served_turn(second, Arm.CANDIDATE, fault=TurnFault.UNKNOWN_TOOL))
    assert canary.report()["arms"]["candidate"]["conversations"] == 0
    servers.clock += IDLE_S
    assert canary.report()["arms"]["candidate"]["conversations"] == 1


def test_conversation_that_never_ends_holds_up_no_other_for_long(servers: Servers) -> None:
    canary = servers.start()
    endless = _first(canary, Arm.CHAMPION, prefix="endless")
    for _ in range(8):
        canary.observe(served_turn(endless, Arm.CHAMPION))
        assert canary.report()["arms"]["champion"]["conversations"] == 0
        servers.clock += IDLE_S / 2
    assert canary.report()["arms"]["champion"]["conversations"] == 1


def test_conversation_that_began_before_the_test_is_not_compared(servers: Servers) -> None:
    canary = servers.start()
    canary.observe(served_turn("older", Arm.CHAMPION, **MALFORMED))
    servers.clock += IDLE_S
    assert canary.report()["arms"]["champion"]["conversations"] == 0


def test_test_goes_on_after_a_restart(servers: Servers) -> None:
    canary = servers.start(min_parse_rate=0)
    names = _ids(canary, Arm.CANDIDATE, 5)
    for name in names[:4]:
        canary.observe(served_turn(name, Arm.CANDIDATE, fault=TurnFault.UNKNOWN_TOOL))
    canary.observe(served_turn(names[4], Arm.CANDIDATE))
    before = canary.report()
    canary.close()
    after = servers.start(min_parse_rate=0)
    assert after.report() == before
    assert before["open_conversations"] > 0
    servers.clock += IDLE_S
    assert after.report()["arms"]["candidate"]["conversations"] == 5


def test_state_is_on_disk_without_a_close(servers: Servers) -> None:
    """What a server that is killed leaves behind. The oracle reads the file."""
    canary = servers.start()
    servers.clock += 2
    canary.observe(served_turn(_first(canary, Arm.CANDIDATE, prefix="x"), Arm.CANDIDATE))
    canary._writer.submit(lambda: None).result()
    (path,) = (servers.desk.warehouse.root / AGENT / "canary").rglob(f"{CANDIDATE[:16]}-*.json")
    assert json.loads(path.read_text())["arms"]["candidate"]["turns"] == 1
    assert "x-" not in path.read_text()


def test_second_server_of_an_agent_runs_no_canary(servers: Servers) -> None:
    servers.start()
    with pytest.raises(CanaryError, match="another server runs this agent's canary"):
        servers.start()


def test_folder_that_cannot_be_written_is_refused(servers: Servers) -> None:
    place = servers.desk.warehouse.root / AGENT / "canary"
    place.parent.mkdir(parents=True)
    place.write_text("a file where the folder should be")
    with pytest.raises(CanaryError, match="cannot be written"):
        servers.start()
