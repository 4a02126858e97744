"""training_set[D]: which runs of the window are trained on, on which side of the split, and why."""

from __future__ import annotations

from pathlib import Path

from msgspec import convert, to_builtins

from toolft_pipeline.catalog.build import load_catalog
from toolft_pipeline.curation.own_runs import OwnRuns
from toolft_pipeline.curation.run_signatures import SIGNATURES_FILE
from toolft_pipeline.curation.selection import SELECTION_FILE, select_training_set
from toolft_pipeline.evaluation.tasks.task_leaks import (
    find_task_leaks,
    read_split_tasks,
    read_task_leaks,
    write_task_leaks,
)
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.presentation import plots
from toolft_pipeline.stages.presentation.nearest_runs import nearest_runs_table
from toolft_pipeline.stages.spec import sources
from toolft_pipeline.stages.spec.proposal import Proposal
from toolft_pipeline.stages.spec.stage import (
    BuildContext,
    Check,
    CheckOutcome,
    Group,
    PartitionScope,
    Plot,
    SourceContext,
    Stage,
)
from toolft_pipeline.warehouse.digest import Json, file_digest
from toolft_pipeline.warehouse.store import BuildOutput, Version

SHOWN_LEAKS = 20


def _sources(scope: SourceContext) -> dict[str, str]:
    settings = scope.settings
    return sources.agent_file(settings, settings.evaluation.tasks)


def _build(context: BuildContext) -> BuildOutput:
    tasks = context.settings.path(context.settings.evaluation.tasks)
    summary = select_training_set(
        days={day: version.file(SIGNATURES_FILE) for day, version in context.inputs["run_signatures"].items()},
        tasks=tasks if tasks.is_file() else None,
        tools=list(load_catalog(context.input("tool_catalog").folder).names),
        curation=context.settings.curation,
        out=context.out,
    )
    _write_leaks(context, tasks)
    context.progress(f"{summary.train} training and {summary.validation} validation runs of {summary.rows}")
    return BuildOutput(
        content=(SELECTION_FILE,),
        rows={"runs": summary.rows, "train": summary.train, "validation": summary.validation},
        headline={
            "continued_in_another": summary.continued_in_another,
            "near_duplicates": summary.near_duplicates,
            "contaminated": summary.contaminated,
            "capped": summary.capped,
            "repeated": summary.repeated,
            "repeats": summary.repeats,
            "family_holdout": summary.family_holdout,
            "own_runs": to_builtins(summary.own),
            "categories": dict(summary.categories),
            "tools": dict(summary.tools),
            "thin_tools": list(summary.thin_tools),
        },
    )


def _write_leaks(context: BuildContext, tasks: Path) -> None:
    """Compare the tasks with the selected runs. The file follows from the selection, its sources and the tasks."""
    found = find_task_leaks(
        read_split_tasks(tasks) if tasks.is_file() else [],
        days={day: version.file(SIGNATURES_FILE) for day, version in context.inputs["run_signatures"].items()},
        selection=context.out / SELECTION_FILE,
    )
    write_task_leaks(found, context.out)


def _no_task_leaks(version: Version, _settings: AgentSettings) -> CheckOutcome:
    found = read_task_leaks(version.folder)
    near = min(found.nearest, key=lambda each: each.distance, default=None)
    detail: dict[str, Json] = {
        "tasks": found.tasks,
        "split_keys": found.keys,
        "leaks": [to_builtins(each) for each in found.leaks[:SHOWN_LEAKS]],
        "untrained_tools": list(found.untrained),
        "nearest": None if near is None else to_builtins(near),
    }
    if found.leaks:
        shown = "; ".join(
            f"task {each.task_id}: {each.level} {each.split_key!r} is in {each.runs} runs, the first "
            f"{each.trajectory_id} of {each.day}"
            for each in found.leaks[:3]
        )
        why = f"{len(found.leaks)} tasks have a split key that training runs have: {shown}"
        fix = "write other tasks, give them the level that they have, or keep these runs out of the logs folder"
        return CheckOutcome(passed=False, detail=detail, description=f"{why}; {fix}")
    unseen = f"; no run calls {', '.join(found.untrained)}: level new_tool" if found.untrained else ""
    nearest = "" if near is None else f"; the nearest run is {near.distance:.2f} from its task"
    return CheckOutcome(
        passed=True,
        detail=detail,
        description=f"{found.keys} split keys of {found.tasks} tasks are in none of {found.runs} runs{nearest}{unseen}",
    )


def _texts(version: Version) -> dict[str, str]:
    return {"nearest_runs": nearest_runs_table(read_task_leaks(version.folder).nearest)}


def _own_runs(version: Version) -> OwnRuns:
    return convert(version.manifest.headline["own_runs"], OwnRuns)


def _few_own_runs(version: Version, settings: AgentSettings) -> CheckOutcome:
    own, most = _own_runs(version), settings.serving.monitor.max_own_share
    detail: dict[str, Json] = {"own_share": own.trained_share, "own_runs": own.trained, "max_own_share": most}
    share = f"{own.trained_share:.1%} of the training runs were made by our own models"
    if own.trained_share <= most:
        return CheckOutcome(passed=True, detail=detail, description=share)
    others = own.trained / own.trained_share - own.trained
    fits = most * others / (1 - most) / max(1, own.trained) if most < 1 else 1.0
    fix = f"set curation.own_run_weight to about {fits:.2g} of its value, or log more runs of the incumbent"
    return CheckOutcome(passed=False, detail=detail, description=f"{share}, more than {most:.0%}; {fix}")


def _own_plans_vary(version: Version, settings: AgentSettings) -> CheckOutcome:
    own, least = _own_runs(version), settings.serving.monitor.min_distinct_plans
    ours, logged = own.own_plans_per_run, own.logged_plans_per_run
    detail: dict[str, Json] = {"own_plans_per_run": ours, "logged_plans_per_run": logged, "compared": own.compared}
    if ours is None or logged is None:
        return CheckOutcome(passed=True, detail=detail, description=f"not compared: {own.compared} runs on one side")
    shown = f"{ours:.3f} distinct tool sequences per own run, {logged:.3f} per logged one, of {own.compared} runs each"
    passed = ours >= least * logged
    why = "" if passed else f"; below {least:.0%} of the logged ones the data collapses: lower curation.own_run_weight"
    return CheckOutcome(passed=passed, detail=detail, description=shown + why)


def _plots(version: Version, _settings: AgentSettings) -> dict[str, Plot]:
    return {"training_runs_by_tool": plots.bars(version.manifest.headline["tools"], title="Training runs by tool")}


def _same_under(proposal: Proposal, partition: str | None) -> bool:
    """Of the catalog it reads the names alone: they say for which tools rows stay in training."""
    if any(asset == "run_signatures" for asset, _ in proposal.new):
        return False
    current = proposal.version("training_set", partition)
    if proposal.same_names or current is None:
        return proposal.same_names
    signatures = {day: proposal.version("run_signatures", day) for day in proposal.previews}
    tasks = proposal.settings.path(proposal.settings.evaluation.tasks)
    out = proposal.scratch / "training_set"
    out.mkdir()
    select_training_set(
        days={day: version.file(SIGNATURES_FILE) for day, version in signatures.items() if version is not None},
        tasks=tasks if tasks.is_file() else None,
        tools=list(load_catalog(proposal.catalog).names),
        curation=proposal.settings.curation,
        out=out,
    )
    return file_digest(out / SELECTION_FILE) == file_digest(current.file(SELECTION_FILE))


STAGE = Stage(
    asset="training_set",
    description="Selects the window's runs: dedup, contamination, split, caps and oversampling; ids only, no copies.",
    group=Group.MODEL,
    kinds=("parquet",),
    code_version="7",
    inputs={"run_signatures": PartitionScope.WINDOW, "tool_catalog": PartitionScope.WHOLE},
    settings=("curation",),
    placement=("evaluation.tasks",),
    begins_model=True,
    sources=_sources,
    build=_build,
    plots=_plots,
    texts=_texts,
    checks=(
        Check(
            name="no_task_leaks",
            description="No selected run has what an evaluation task declares as its split key.",
            blocking=True,
            evaluate=_no_task_leaks,
        ),
        Check(
            name="few_own_runs",
            description="Our own models made at most `serving.monitor.max_own_share` of the training runs.",
            blocking=False,
            evaluate=_few_own_runs,
            settings=("serving.monitor.max_own_share",),
        ),
        Check(
            name="own_plans_vary",
            description="Our own models' runs have at least `serving.monitor.min_distinct_plans` as many distinct "
            "sequences of tools as equally many logged runs.",
            blocking=False,
            evaluate=_own_plans_vary,
            settings=("serving.monitor.min_distinct_plans",),
        ),
    ),
    unshown=frozenset({"tools"}),
    same_under=_same_under,
)
