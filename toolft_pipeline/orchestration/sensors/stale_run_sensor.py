"""One sensor a code location that ends the runs whose process is gone: at the daemon's start and every minute.

A sensor and not the daemon's run monitoring, because it runs beside the code server, on the host where Dagster's
default launcher starts the runs.
"""

from __future__ import annotations

import dagster as dg

from toolft_pipeline.orchestration.runs.stale_runs import recover_from_dead_runs

EVERY_S = 60

SENSOR = "dead_runs"


def dead_run_sensor() -> dg.SensorDefinition:
    """Runs by default, whatever the agents' schedules say: it starts nothing."""

    def look(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        found = recover_from_dead_runs(context.instance)
        ended = ", ".join(run_id[:8] for run_id in found.ended)
        freed = ", ".join(run_id[:8] for run_id in found.freed)
        said = [f"process gone, run ended: {ended}"] if ended else []
        said += [f"slot given back: {freed}"] if freed else []
        return dg.SkipReason("; ".join(said) or "every run in progress has its process")

    return dg.SensorDefinition(
        name=SENSOR,
        evaluation_fn=look,
        minimum_interval_seconds=EVERY_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Fails runs whose process is gone (killed, or the machine restarted) and frees their slots.",
    )
