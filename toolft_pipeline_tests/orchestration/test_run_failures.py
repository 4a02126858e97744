"""A red blocking check is reported by its name and figures, not by the class of an exception."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg

from toolft_pipeline.orchestration.run_failures import failed_steps


@dg.asset(check_specs=[dg.AssetCheckSpec("merged_logits", asset="merged", blocking=True)])
def merged() -> Iterator[dg.MaterializeResult]:
    figures = {"relative_error": 0.5, "allowed": 0.1}
    yield dg.MaterializeResult(
        check_results=[dg.AssetCheckResult(check_name="merged_logits", passed=False, metadata=figures)]
    )


def test_red_blocking_check_is_named_with_its_figures() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        run = dg.materialize([merged], instance=instance, raise_on_error=False)
        (failed,) = failed_steps(instance, run.run_id)
    assert failed.key == "merged"
    assert "the blocking check merged_logits failed (allowed 0.1, relative_error 0.5)" in failed.error
    assert "Error" not in failed.error
