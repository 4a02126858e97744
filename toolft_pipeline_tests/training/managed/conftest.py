from __future__ import annotations

import pytest

from toolft_pipeline.training.managed import start_once
from toolft_pipeline_tests.training.managed.made_window import KEY, VARIABLE


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    """The key in the environment; a local host lists its jobs at once."""
    monkeypatch.setenv(VARIABLE, KEY)
    monkeypatch.setattr(start_once, "LISTING_LAG_S", 0.01)
    return KEY
