"""eval_report[D]: the candidate beside the base and the model in service, and the gate's verdict."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict

import msgspec

from toolft_pipeline.curation.readiness.production_stats import Incumbent
from toolft_pipeline.curation.readiness.readiness import Readiness
from toolft_pipeline.evaluation.models.prompting import PromptPolicy
from toolft_pipeline.evaluation.promotion.gate import Rival, Standing, decide
from toolft_pipeline.evaluation.promotion.model_registry import SERVICE, InService, incumbent, withdrawn_at
from toolft_pipeline.evaluation.report.logged_model import logged_metrics
from toolft_pipeline.evaluation.report.prices import price_of
from toolft_pipeline.evaluation.report.report import CANDIDATE, GENERATIONS_FILE, METRICS_FILE, PAGE_FILE, write_report
from toolft_pipeline.evaluation.report.trend import Point, read_point
from toolft_pipeline.evaluation.scoring.evaluate import read_metrics
from toolft_pipeline.evaluation.scoring.metrics import ModelMetrics
from toolft_pipeline.evaluation.scoring.task import load_tasks
from toolft_pipeline.evaluation.scoring.task_sampling import draw_tasks
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.evaluations.bfcl_evaluations import BFCL_EVALUATION, bfcl_rates, bfcl_reads, bfcl_sources
from toolft_pipeline.stages.evaluations.compared_models import IN_SERVICE, contenders
from toolft_pipeline.stages.evaluations.evaluations import EVALUATION, evaluated
from toolft_pipeline.stages.evaluations.shadow import SHADOW, shadow_results, shadow_sources, wants_shadow
from toolft_pipeline.stages.evaluations.training_examples import taught_rows
from toolft_pipeline.stages.presentation.report_metadata import report_headline, report_plots, report_texts
from toolft_pipeline.stages.readiness_report import REPORT_FILE as READINESS_FILE
from toolft_pipeline.stages.spec import sources
from toolft_pipeline.stages.spec.stage import (
    BuildContext,
    Check,
    CheckOutcome,
    Freshness,
    Group,
    PartitionScope,
    SourceContext,
    Stage,
    StageError,
)
from toolft_pipeline.stages.token_tensors import proof_report
from toolft_pipeline.training.merging.merge import CHECKS_FILE
from toolft_pipeline.training.train_adapter import PROGRESS_FILE
from toolft_pipeline.warehouse.digest import Json, digest_of
from toolft_pipeline.warehouse.lineage import lineage_gaps
from toolft_pipeline.warehouse.manifest import Address
from toolft_pipeline.warehouse.store import Built, Version, WarehouseError

VERDICT_FILE = "verdict.json"


def _derived(settings: AgentSettings) -> dict[str, Json]:
    evaluation = settings.evaluation
    compared = evaluation.compare
    return {
        "judge": EVALUATION.code_version,
        **EVALUATION.derived(settings),
        "endpoints": {name: each.identity for name, each in evaluation.endpoints.items() if name in compared},
        "prices": {name: asdict(price_of(name, evaluation)) for name in (CANDIDATE, *compared)},
        **bfcl_reads(settings),
    }


def _sources(scope: SourceContext) -> dict[str, str]:
    settings = scope.settings
    candidate = scope.warehouse.current(Address(agent=settings.name, asset="merged_model", partition=scope.partition))
    digest = "" if candidate is None else candidate.manifest.content_digest
    serving = incumbent(scope.warehouse, settings.name, candidate=digest)
    withdrawn = withdrawn_at(scope.warehouse, settings.name, candidate=digest)
    gaps = [] if candidate is None else lineage_gaps(scope.warehouse, candidate)
    return {
        **sources.agent_file(settings, settings.evaluation.tasks),
        **sources.agent_file(settings, settings.logs.golden),
        **sources.sandbox(settings),
        **bfcl_sources(settings),
        **({} if serving is None else {IN_SERVICE: serving.content_digest}),
        **({} if withdrawn is None else {"withdrawn": digest}),
        **({"lineage_gaps": digest_of([*gaps])} if gaps else {}),
        **shadow_sources(settings),
    }


def _proofs(context: BuildContext) -> dict[str, bool]:
    """Everything that the candidate was made from, as green or not: proofs of the rows, checks of the merge."""
    reports = [proof_report(version) for version in context.inputs["token_tensors"].values()]
    proofs = {name: not any(report.results[name].n_failures for report in reports) for name in reports[0].results}
    checks = json.loads(context.input("merged_model").file(CHECKS_FILE).read_text(encoding="utf-8"))
    return proofs | {name: bool(check["passed"]) for name, check in checks.items()}


def _standing(context: BuildContext, proofs: dict[str, bool]) -> Standing:
    """What the gate must know of the candidate beside its figures."""
    model = context.input("merged_model")
    return Standing(
        as_of=context.day,
        proofs=proofs,
        lineage_gaps=[*lineage_gaps(context.warehouse, model), *made_from_others(context)],
        withdrawn=withdrawn_at(context.warehouse, context.settings.name, candidate=model.manifest.content_digest),
    )


def _rival(serving: InService, metrics: Mapping[str, ModelMetrics]) -> Rival:
    return Rival(
        day=serving.day,
        content_digest=serving.content_digest,
        metrics=metrics[IN_SERVICE],
        shadow=metrics.get(f"{IN_SERVICE}/{SHADOW}"),
    )


def made_from_others(context: BuildContext) -> Iterator[str]:
    """Where the proofs and checks at hand are of other versions than those that the candidate was made from."""
    model, adapter = context.input("merged_model").manifest, context.input("qlora_adapter").manifest
    pairs = [(model, "qlora_adapter"), (model, "base_model"), (adapter, "token_tensors")]
    for made, asset in pairs:
        for partition, version in context.inputs[asset].items():
            name = f"{asset}/{partition}"
            if made.inputs.get(name) != version.manifest.content_digest:
                yield f"{made.address} was made from another version of {name}; run the model's stages again"


def past_points(context: BuildContext) -> Iterator[Point]:
    """The candidates of all reports up to this day that can still be read. The page alone shows them: they enter no
    fingerprint and no content.
    """
    for day in context.warehouse.partitions(context.settings.name, STAGE.asset):
        address = Address(agent=context.settings.name, asset=STAGE.asset, partition=day)
        try:
            reports = context.warehouse.versions(address) if day <= context.day else []
        except WarehouseError as error:
            context.progress(f"left out of the trend: {error}")
            continue
        for report in reports:
            made_at = report.manifest.created_at
            point = read_point(report.file(METRICS_FILE), model=CANDIDATE, day=day, made_at=made_at)
            if point is not None:
                yield point


def _build(context: BuildContext) -> Built:
    settings = context.settings
    tasks = draw_tasks(load_tasks(settings.path(settings.evaluation.tasks)), settings.evaluation.max_tasks)
    asked = {
        PromptPolicy.NONE: tasks,
        PromptPolicy.FEW_SHOT: draw_tasks(tasks, settings.evaluation.few_shot_tasks),
        PromptPolicy.FULL_CATALOG: draw_tasks(tasks, settings.evaluation.catalog_tasks),
    }
    serving = incumbent(
        context.warehouse, settings.name, candidate=context.input("merged_model").manifest.content_digest
    )
    asked_models = list(contenders(context, serving))
    tasks_from = sources.agent_file(settings, settings.evaluation.tasks)
    results = {
        contender.name: evaluated(context, contender, asked[contender.policy], tasks_from=tasks_from)
        for contender in asked_models
    }
    shadow = shadow_results(context, [each for each in asked_models if each.name in {CANDIDATE, IN_SERVICE}])
    if shadow is not None:
        results |= {f"{name}/{SHADOW}": version for name, version in shadow.results.items()}
    metrics = {name: read_metrics(version.folder) for name, version in results.items()}
    proofs = _proofs(context)
    verdict = decide(
        candidate=metrics[CANDIDATE],
        standing=_standing(context, proofs),
        rival=None if serving is None else _rival(serving, metrics),
        gate=settings.gate,
        shadow=metrics.get(f"{CANDIDATE}/{SHADOW}"),
    )
    logged = logged_metrics(_incumbent(context))
    bfcl = bfcl_rates(context, asked_models)
    report = write_report(
        agent=settings.name,
        day=context.day,
        results={name: version.folder for name, version in results.items()},
        tasks=tasks if shadow is None else [*tasks, *shadow.drawn.tasks],
        verdict=verdict,
        proofs=proofs,
        progress=context.input("qlora_adapter").file(PROGRESS_FILE),
        past=list(past_points(context)),
        logged=logged,
        bfcl=bfcl,
        taught=taught_rows(context.warehouse, context.input("merged_model")),
        prices={name: price_of(name, settings.evaluation) for name in results},
        out=context.out,
    )
    (context.out / VERDICT_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(verdict), indent=1))
    candidate = metrics[CANDIDATE]
    return Built(
        content=(VERDICT_FILE, GENERATIONS_FILE),
        rows={"tasks": candidate.n_tasks, "steps": candidate.n_steps},
        headline=report_headline(report.models, verdict=verdict),
    )


def _incumbent(context: BuildContext) -> Incumbent:
    """What the window's logs say of the model that runs the agent now, as the readiness report counted it."""
    version = context.input("readiness_report")
    try:
        return msgspec.json.decode(version.file(READINESS_FILE).read_bytes(), type=Readiness).incumbent
    except msgspec.DecodeError as error:
        raise StageError(f"{version.manifest.address} is of an earlier code ({error}); materialize it again") from error


def _promotable(version: Version, _settings: AgentSettings) -> CheckOutcome:
    headline = version.manifest.headline
    shown = ("reasons", "tasks", "smallest_visible_difference", "difference")
    return CheckOutcome(passed=bool(headline["promote"]), detail={name: headline[name] for name in shown})


STAGE = Stage(
    asset="eval_report",
    description="Steps and rollouts of candidate, base and model in service; one HTML page; the gate's verdict.",
    group=Group.MODEL,
    kinds=("html", "parquet"),
    code_version="5",
    inputs={
        "merged_model": PartitionScope.SAME,
        "qlora_adapter": PartitionScope.SAME,
        "token_tensors": PartitionScope.WINDOW,
        "readiness_report": PartitionScope.SAME,
        "base_model": PartitionScope.WHOLE,
        "tool_catalog": PartitionScope.WHOLE,
        "verified_trajectories": PartitionScope.SAME,
        "training_set": PartitionScope.SAME,
    },
    settings=(
        *EVALUATION.settings,
        "gate",
        "evaluation.compare",
        "evaluation.max_tasks",
        "evaluation.few_shot_tasks",
        "evaluation.catalog_tasks",
    ),
    placement=(
        *EVALUATION.placement,
        *BFCL_EVALUATION.placement,
        "evaluation.tasks",
        "evaluation.bfcl",
        "evaluation.bfcl_questions",
        "verification.error_forms",
    ),
    derived=_derived,
    optional={"verified_trajectories": wants_shadow, "training_set": wants_shadow},
    observes=(SERVICE,),
    sources=_sources,
    build=_build,
    accelerator=True,
    checks=(
        Check(
            name="gate",
            description="The candidate may go into service: thresholds, paired test, proofs, enough tasks.",
            blocking=False,
            evaluate=_promotable,
        ),
    ),
    plots=report_plots,
    texts=report_texts,
    page=PAGE_FILE,
    freshness=Freshness.WINDOW,
)
