"""The command that an alert names makes what failed, and trains nothing else."""

from __future__ import annotations

import pytest

from toolft_pipeline.orchestration.alerts.alert_remedy import remedy

OLD, NEW = "2026-10-02", "2026-10-05"


@pytest.mark.parametrize(
    ("stages", "days", "newest", "command"),
    [
        (["tool_catalog"], [], None, "toolft run desk --sources"),
        (["verified_trajectories"], [OLD], None, f"toolft run desk --from {OLD} --to {OLD} --data"),
        (["raw_trajectories"], [OLD, NEW], NEW, f"toolft run desk --from {OLD} --to {NEW} --data"),
        (["raw_trajectories", "qlora_adapter"], [OLD], None, f"toolft run desk --from {OLD} --to {OLD} --data"),
        (["chat_rows"], [], None, "toolft run desk --data"),
        (["champion", "qlora_adapter"], [NEW], OLD, f"toolft run desk --from {NEW} --to {NEW} --stage qlora_adapter"),
        (["eval_report"], [OLD, NEW], NEW, f"toolft run desk --from {NEW} --to {NEW} --stage eval_report"),
    ],
)
def test_remedy_makes_exactly_the_failed_part(
    stages: list[str], days: list[str], newest: str | None, command: str
) -> None:
    assert f"then `{command}`" in remedy("desk", stages, days, newest_model=newest)


def test_remedy_trains_nothing_as_of_a_day_that_a_newer_model_has_overtaken() -> None:
    said = remedy("desk", ["qlora_adapter"], [OLD], newest_model=NEW)
    assert "toolft run" not in said
    assert f"a newer model, as of {NEW}" in said
