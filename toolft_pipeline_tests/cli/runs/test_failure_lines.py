"""The line about the end of a run: a canceled run has not failed, and the line names its step."""

import dagster as dg

from toolft_pipeline.cli.runs.launch import failure_lines


@dg.asset
def rows() -> None:
    """Made before the cancellation."""


@dg.asset(deps=[rows])
def adapter(context: dg.AssetExecutionContext) -> None:
    """Interrupted as Dagster interrupts a step whose run is canceled."""
    context.instance.report_run_canceling(context.run, "canceled in the UI")
    raise dg.DagsterExecutionInterruptedError


@dg.asset
def failing() -> None:
    raise ValueError("no rows")


def last_line(*assets: dg.AssetsDefinition, status: dg.DagsterRunStatus) -> str:
    with dg.DagsterInstance.ephemeral() as instance:
        run = dg.materialize([*assets], instance=instance, raise_on_error=False)
        assert [each.status for each in instance.get_runs()] == [status]
        return failure_lines(instance, run.run_id).replace(run.run_id, "RUN")


def test_canceled_run_says_so_and_at_which_step() -> None:
    line = last_line(rows, adapter, status=dg.DagsterRunStatus.CANCELED)
    assert line == "run RUN was canceled at adapter; start it again, and it continues from what is finished"


def test_run_that_was_canceled_before_a_step_began_names_none() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        run = dg.DagsterRun(job_name="job", status=dg.DagsterRunStatus.CANCELED)
        instance.add_run(run)
        assert "was canceled while no step was running" in failure_lines(instance, run.run_id)


def test_failed_run_has_the_cause_of_its_step() -> None:
    assert last_line(failing, status=dg.DagsterRunStatus.FAILURE) == "failing: ValueError: no rows"
