from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from toolft_pipeline.training.managed.hosts.errors import ManagedTrainingError
from toolft_pipeline.training.managed.shutdowns import ANNOUNCED, refuse_if_ending

OPENAI = "https://api.openai.com/v1"


def ask(**changes: Any) -> None:
    asked = {"base_url": OPENAI, "model": "m", "min_days": 90, "written": None, "by_host": None}
    refuse_if_ending(**{**asked, "today": date(2026, 11, 30), **changes})


@pytest.mark.parametrize("model", ["gpt-4.1-mini-2025-04-14", "gpt-4.1-mini", "ft:gpt-4o-2024-08-06:team:x:1"])
def test_model_in_the_table_is_refused_with_day_and_source(model: str) -> None:
    with pytest.raises(ManagedTrainingError, match=r'2027-01-14 \(OpenAI, page "Deprecations".*in 45 days'):
        ask(model=model)


def test_same_name_at_another_host_is_another_model() -> None:
    ask(base_url="https://models.example.com/v1", model="gpt-4.1-mini")


def test_last_day_counts() -> None:
    ask(by_host="2027-02-28")
    with pytest.raises(ManagedTrainingError, match="in 89 days"):
        ask(by_host="2027-02-27")


def test_written_day_beats_the_host_and_the_host_the_table() -> None:
    ask(model="gpt-4.1-mini", by_host="2028-01-01")
    ask(model="gpt-4.1-mini", by_host="2026-12-01", written="2028-01-01")
    ask(model="gpt-4.1-mini", min_days=0)


def test_host_that_starts_no_jobs_any_more_is_refused_whatever_the_model() -> None:
    with pytest.raises(ManagedTrainingError, match="starts no fine-tuning jobs since 2027-01-06"):
        ask(today=date(2027, 1, 6))


def test_entries_have_a_source_and_were_announced_before() -> None:
    assert all(each.source and each.announced < each.day for each in ANNOUNCED)
    assert len({(each.host, each.model) for each in ANNOUNCED}) == len(ANNOUNCED)
