"""eval_report[D]: compare the candidate with the base and the model in service; the gate's verdict."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict

import msgspec

from toolft_pipeline.curation.readiness.production_stats import Incumbent
from toolft_pipeline.curation.readiness.readiness import Readiness
from toolft_pipeline.evaluation.models.prompting import PromptPolicy
from toolft_pipeline.evaluation.promotion.gate import CandidateStatus, ChampionResult, decide_promotion
from toolft_pipeline.evaluation.promotion.model_registry import SERVICE, InService, champion_to_beat, withdrawn_at
from toolft_pipeline.evaluation.report.logged_model import logged_metrics
from toolft_pipeline.evaluation.report.prices import model_price
from toolft_pipeline.evaluation.report.report import GENERATIONS_FILE, METRICS_FILE, PAGE_FILE, write_report
from toolft_pipeline.evaluation.report.report_content import CANDIDATE, ReportContent, read_evaluation, read_loss
from toolft_pipeline.evaluation.report.trend import TrendPoint, read_trend_point
from toolft_pipeline.evaluation.scoring.metrics import ModelMetrics
from toolft_pipeline.evaluation.scoring.task import Task, load_tasks
from toolft_pipeline.evaluation.scoring.task_sampling import sample_tasks
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.evaluations.bfcl_evaluations import BFCL_EVALUATION, bfcl_rates, bfcl_reads, bfcl_sources
from toolft_pipeline.stages.evaluations.compared_models import IN_SERVICE, compared_models
from toolft_pipeline.stages.evaluations.evaluations import EVALUATION, ComparedModel, reuse_or_evaluate
from toolft_pipeline.stages.evaluations.shadow import SHADOW, shadow_results, wants_shadow
from toolft_pipeline.stages.evaluations.training_examples import training_examples
from toolft_pipeline.stages.presentation.report_metadata import headline_metrics, report_plots, report_texts
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
from toolft_pipeline.warehouse.manifest import ArtifactKey
from toolft_pipeline.warehouse.store import BuildOutput, Version, WarehouseError

ASSET = "eval_report"
VERDICT_FILE = "verdict.json"


def _derived(settings: AgentSettings) -> dict[str, Json]:
    evaluation = settings.evaluation
    compared = evaluation.compare
    return {
        "judge": EVALUATION.code_version,
        **EVALUATION.derived(settings),
        "endpoints": {name: each.identity for name, each in evaluation.endpoints.items() if name in compared},
        "prices": {name: asdict(model_price(name, evaluation)) for name in (CANDIDATE, *compared)},
        **bfcl_reads(settings),
    }


def _sources(scope: SourceContext) -> dict[str, str]:
    settings = scope.settings
    candidate = scope.warehouse.current(
        ArtifactKey(agent=settings.name, asset="merged_model", partition=scope.partition)
    )
    digest = "" if candidate is None else candidate.manifest.content_digest
    serving = champion_to_beat(scope.warehouse, settings.name, candidate=digest)
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
    }


def _proofs(context: BuildContext) -> dict[str, bool]:
    """Whether each proof of the training rows and each check of the merge passed, by name."""
    reports = [proof_report(version) for version in context.inputs["token_tensors"].values()]
    proofs = {name: not any(report.results[name].n_failures for report in reports) for name in reports[0].results}
    checks = json.loads(context.input("merged_model").file(CHECKS_FILE).read_text(encoding="utf-8"))
    return proofs | {name: bool(check["passed"]) for name, check in checks.items()}


def _candidate_status(context: BuildContext, proofs: dict[str, bool]) -> CandidateStatus:
    """What the gate must know about the candidate besides its metrics."""
    model = context.input("merged_model")
    return CandidateStatus(
        as_of=context.day,
        proofs=proofs,
        lineage_gaps=[*lineage_gaps(context.warehouse, model), *stale_inputs(context)],
        withdrawn=withdrawn_at(context.warehouse, context.settings.name, candidate=model.manifest.content_digest),
    )


def _champion_result(serving: InService, metrics: Mapping[str, ModelMetrics]) -> ChampionResult:
    return ChampionResult(
        day=serving.day,
        content_digest=serving.content_digest,
        metrics=metrics[IN_SERVICE],
        shadow=metrics.get(f"{IN_SERVICE}/{SHADOW}"),
    )


def stale_inputs(context: BuildContext) -> Iterator[str]:
    """Inputs whose proofs and checks belong to other versions than the candidate was made from."""
    model, adapter = context.input("merged_model").manifest, context.input("qlora_adapter").manifest
    pairs = [(model, "qlora_adapter"), (model, "base_model"), (adapter, "token_tensors")]
    for made, asset in pairs:
        for partition, version in context.inputs[asset].items():
            name = f"{asset}/{partition}"
            if made.inputs.get(name) != version.manifest.content_digest:
                yield f"{made.address} was made from another version of {name}; run the model's stages again"


def past_reports(context: BuildContext) -> Iterator[TrendPoint]:
    """The candidates of all readable reports up to this day. Only the page shows them: they enter neither the
    fingerprint nor the content.
    """
    for day in context.warehouse.partitions(context.settings.name, ASSET):
        address = ArtifactKey(agent=context.settings.name, asset=ASSET, partition=day)
        try:
            reports = context.warehouse.versions(address) if day <= context.day else []
        except WarehouseError as error:
            context.progress(f"left out of the trend: {error}")
            continue
        for report in reports:
            made_at = report.manifest.created_at
            point = read_trend_point(report.file(METRICS_FILE), model=CANDIDATE, day=day, made_at=made_at)
            if point is not None:
                yield point


def _build(context: BuildContext) -> BuildOutput:
    settings = context.settings
    tasks = sample_tasks(load_tasks(settings.path(settings.evaluation.tasks)), settings.evaluation.max_tasks)
    digest = context.input("merged_model").manifest.content_digest
    serving = champion_to_beat(context.warehouse, settings.name, candidate=digest)
    models = list(compared_models(context, serving))
    results = _evaluations(context, models, tasks)
    shadow = shadow_results(context, [model for model in models if model.name in {CANDIDATE, IN_SERVICE}])
    if shadow is not None:
        results |= {f"{name}/{SHADOW}": version for name, version in shadow.results.items()}
    evaluated = [
        read_evaluation(name, version.folder, price=model_price(name, settings.evaluation))
        for name, version in results.items()
    ]
    metrics = {model.name: model.metrics for model in evaluated}
    proofs = _proofs(context)
    verdict = decide_promotion(
        candidate=metrics[CANDIDATE],
        candidate_status=_candidate_status(context, proofs),
        champion=None if serving is None else _champion_result(serving, metrics),
        gate=settings.gate,
        shadow=metrics.get(f"{CANDIDATE}/{SHADOW}"),
    )
    content = ReportContent(
        agent=settings.name,
        day=context.day,
        models=evaluated,
        tasks=tasks if shadow is None else [*tasks, *shadow.sample.tasks],
        verdict=verdict,
        proofs=proofs,
        logged=logged_metrics(_incumbent(context)),
        bfcl=bfcl_rates(context, models),
        training_examples=training_examples(
            context.warehouse, context.input("merged_model"), progress=context.progress
        ),
        loss=read_loss(context.input("qlora_adapter").file(PROGRESS_FILE)),
        past=list(past_reports(context)),
    )
    write_report(content, context.out)
    (context.out / VERDICT_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(verdict), indent=1))
    candidate = metrics[CANDIDATE]
    return BuildOutput(
        content=(VERDICT_FILE, GENERATIONS_FILE),
        rows={"tasks": candidate.n_tasks, "steps": candidate.n_steps},
        headline=headline_metrics(metrics, verdict=verdict),
    )


def _evaluations(context: BuildContext, models: Sequence[ComparedModel], tasks: Sequence[Task]) -> dict[str, Version]:
    """The evaluation of each model; models with long prompts are asked fewer tasks."""
    evaluation = context.settings.evaluation
    asked = {
        PromptPolicy.NONE: tasks,
        PromptPolicy.FEW_SHOT: sample_tasks(tasks, evaluation.few_shot_tasks),
        PromptPolicy.FULL_CATALOG: sample_tasks(tasks, evaluation.catalog_tasks),
    }
    tasks_from = sources.agent_file(context.settings, evaluation.tasks)
    return {
        model.name: reuse_or_evaluate(context, model, asked[model.policy], tasks_from=tasks_from) for model in models
    }


def _incumbent(context: BuildContext) -> Incumbent:
    """What the window's logs say about the incumbent, as counted by the readiness report."""
    version = context.input("readiness_report")
    try:
        return msgspec.json.decode(version.file(READINESS_FILE).read_bytes(), type=Readiness).incumbent
    except msgspec.DecodeError as error:
        raise StageError(
            f"{version.manifest.address} was written by earlier code ({error}); materialize it again"
        ) from error


def _promotable(version: Version, _settings: AgentSettings) -> CheckOutcome:
    headline = version.manifest.headline
    shown = ("reasons", "tasks", "smallest_visible_difference", "difference")
    return CheckOutcome(passed=bool(headline["promote"]), detail={name: headline[name] for name in shown})


STAGE = Stage(
    asset=ASSET,
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
            description="The candidate may be promoted: thresholds, paired test, proofs, enough tasks.",
            blocking=False,
            evaluate=_promotable,
        ),
    ),
    plots=report_plots,
    texts=report_texts,
    page=PAGE_FILE,
    freshness=Freshness.WINDOW,
)
