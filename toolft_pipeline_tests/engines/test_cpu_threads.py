from __future__ import annotations

import os

import pytest

from toolft_pipeline.settings.serving import EngineSettings


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 1), (3, 1), (8, 4)])
def test_threads_are_half_of_the_usable_cores(monkeypatch: pytest.MonkeyPatch, cores: int, threads: int) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(cores)), raising=False)
    assert EngineSettings().cpu_threads == threads
    assert EngineSettings(threads=3).cpu_threads == 3


@pytest.mark.parametrize(("cores", "threads"), [(8, 4), (None, 1)])
def test_threads_where_the_system_has_no_affinity(
    monkeypatch: pytest.MonkeyPatch, cores: int | None, threads: int
) -> None:
    """macOS and Windows."""
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    assert EngineSettings().cpu_threads == threads
