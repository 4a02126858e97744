"""The sensor that fails runs whose process is gone, at the daemon's start and every minute.

A sensor and not the daemon's run monitoring: it runs in the code server, on the host where Dagster's default launcher
starts the runs.
"""

from __future__ import annotations

import dagster as dg

from toolft_pipeline.orchestration.runs.stale_runs import recover_from_dead_runs

EVERY_S = 60

SENSOR = "dead_runs"


def dead_run_sensor() -> dg.SensorDefinition:
    """The sensor; it is running by default, because it starts no runs."""

    def evaluate(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        recovery = recover_from_dead_runs(context.instance)
        ended = ", ".join(run_id[:8] for run_id in recovery.ended)
        freed = ", ".join(run_id[:8] for run_id in recovery.freed)
        lines = [f"process gone, run marked as ended: {ended}"] if ended else []
        lines += [f"pool slots freed of run: {freed}"] if freed else []
        return dg.SkipReason("; ".join(lines) or "every run in progress has a running process")

    return dg.SensorDefinition(
        name=SENSOR,
        evaluation_fn=evaluate,
        minimum_interval_seconds=EVERY_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Fails runs whose process is gone (killed, or the machine restarted) and frees their slots.",
    )
