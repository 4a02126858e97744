from __future__ import annotations

import threading
from pathlib import Path

import pytest

from toolft_pipeline.evaluation.promotion.model_registry import (
    champion_to_beat,
    in_service,
    promote,
    service_folder,
    withdrawn_at,
)
from toolft_pipeline.evaluation.promotion.rollback import roll_back
from toolft_pipeline.warehouse.pointers import pointer_history
from toolft_pipeline.warehouse.store import Version, Warehouse
from toolft_pipeline_tests.evaluation.model_versions import AGENT, model


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path)


def put(warehouse: Warehouse, version: Version) -> bool:
    """Promote against whatever the newest other model in the line is."""
    serving = champion_to_beat(warehouse, AGENT, candidate=version.manifest.content_digest)
    against = None if serving is None else serving.content_digest
    day = version.manifest.address.partition or ""
    return promote(warehouse, AGENT, day=day, model=version, against=against).moved


def test_promote_first_model_serves_and_has_no_incumbent(warehouse: Warehouse) -> None:
    first = model(warehouse, "2026-10-01", "a")
    assert in_service(warehouse, AGENT) is None
    assert put(warehouse, first)
    serving = in_service(warehouse, AGENT)
    assert serving is not None
    assert (serving.day, serving.folder) == ("2026-10-01", first.folder)
    assert champion_to_beat(warehouse, AGENT, candidate=first.manifest.content_digest) is None


def test_promote_same_candidate_twice_moves_the_pointer_once(warehouse: Warehouse) -> None:
    a, b = model(warehouse, "2026-10-01", "a"), model(warehouse, "2026-10-02", "b")
    assert [put(warehouse, each) for each in (a, b, b)] == [True, True, False]
    assert len(pointer_history(service_folder(warehouse, AGENT))) == 2


def test_incumbent_of_the_model_in_service_is_the_one_before_it(warehouse: Warehouse) -> None:
    a, b = model(warehouse, "2026-10-01", "a"), model(warehouse, "2026-10-02", "b")
    put(warehouse, a)
    put(warehouse, b)
    found = champion_to_beat(warehouse, AGENT, candidate=b.manifest.content_digest)
    assert found is not None
    assert found.content_digest == a.manifest.content_digest


def test_promote_verdict_against_a_model_that_no_longer_serves_moves_nothing(warehouse: Warehouse) -> None:
    a, b, c = (model(warehouse, f"2026-10-0{day}", name) for day, name in ((1, "a"), (2, "b"), (3, "c")))
    put(warehouse, a)
    put(warehouse, b)
    late = promote(warehouse, AGENT, day="2026-10-03", model=c, against=a.manifest.content_digest)
    assert not late.moved
    assert late.objection is not None
    assert "came into service after the report was written; run again" in late.objection
    assert len(pointer_history(service_folder(warehouse, AGENT))) == 2


def test_promote_model_that_was_rolled_back_moves_nothing_until_a_person_puts_it_back(warehouse: Warehouse) -> None:
    a, b = model(warehouse, "2026-10-01", "a"), model(warehouse, "2026-10-02", "b")
    put(warehouse, a)
    put(warehouse, b)
    roll_back(warehouse, AGENT)
    digest = b.manifest.content_digest
    again = promote(warehouse, AGENT, day="2026-10-02", model=b, against=a.manifest.content_digest)
    assert not again.moved
    assert again.objection is not None
    assert "took this model out of service" in again.objection
    assert withdrawn_at(warehouse, AGENT, candidate=digest) is not None
    roll_back(warehouse, AGENT, to=digest[:12])
    assert withdrawn_at(warehouse, AGENT, candidate=digest) is None
    for serving in (in_service(warehouse, AGENT), champion_to_beat(warehouse, AGENT, candidate="a third model")):
        assert serving is not None
        assert serving.content_digest == digest


def test_incumbent_after_a_rollback_is_never_a_withdrawn_model(warehouse: Warehouse) -> None:
    a, b, c = (model(warehouse, f"2026-10-0{day}", name) for day, name in ((1, "a"), (2, "b"), (3, "c")))
    for each in (a, b, c):
        put(warehouse, each)
    roll_back(warehouse, AGENT)
    found = champion_to_beat(warehouse, AGENT, candidate=b.manifest.content_digest)
    assert found is not None
    assert found.content_digest == a.manifest.content_digest


def test_promote_two_at_once_leave_one_model_judged_against_what_serves(warehouse: Warehouse) -> None:
    """Both were judged against the first: whoever comes second must be compared with the winner before it may serve."""
    first = model(warehouse, "2026-10-01", "first")
    put(warehouse, first)
    candidates = [model(warehouse, "2026-10-02", f"candidate {number}") for number in range(4)]
    against = first.manifest.content_digest
    moved: list[bool] = []
    start = threading.Barrier(len(candidates))

    def run(each: Version) -> None:
        start.wait()
        moved.append(promote(warehouse, AGENT, day="2026-10-02", model=each, against=against).moved)

    threads = [threading.Thread(target=run, args=(each,)) for each in candidates]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(moved) == [False, False, False, True]
