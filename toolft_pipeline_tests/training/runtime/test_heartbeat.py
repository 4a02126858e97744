"""No silent minute: a library call that says nothing is spoken for."""

from __future__ import annotations

import time

import pytest

from toolft_pipeline.training.runtime import heartbeat as pulses
from toolft_pipeline.training.runtime.heartbeat import Heartbeat, heartbeat


def test_beat_logs_the_activity_after_silence_only(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    beating = Heartbeat(log=said.append)
    beating.activity = "converting the tokenizer"
    beating.beat(began=time.monotonic())
    assert said == []
    monkeypatch.setattr(pulses, "SILENCE_SECONDS", 0.0)
    beating.beat(began=time.monotonic() - 31)
    assert said == ["converting the tokenizer, 31 s"]


def test_heartbeat_ends_with_its_block_even_if_that_raises() -> None:
    said: list[str] = []

    def fail() -> None:
        with heartbeat(progress=said.append) as beating:
            beating.log("begun")
            raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        fail()
    assert said == ["begun"]
