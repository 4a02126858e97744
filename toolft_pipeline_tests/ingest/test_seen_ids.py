from __future__ import annotations

import random

import pytest

from toolft_pipeline.ingest import day
from toolft_pipeline.ingest.day import SeenIds


@pytest.mark.parametrize("recent", [1, 7, 1 << 16])
def test_seen_ids_agree_with_a_set_of_the_ids(recent: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen_ids, "_RECENT", recent)
    draw = random.Random(recent)
    ids = [f"run-{draw.randrange(300)}" for _ in range(1000)] + ["", "\ud800", "run-1\0"]
    seen, plain = SeenIds(), set[str]()
    for id_ in ids:
        assert seen.add(id_) is (id_ not in plain)
        plain.add(id_)
