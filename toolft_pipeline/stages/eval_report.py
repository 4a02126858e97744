"""eval_report[D]: compare the candidate with the base and the model in service; the gate's verdict."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace

import msgspec

from toolft_pipeline.catalog.build import load_catalog
from toolft_pipeline.chat.proofs.report import Proof
from toolft_pipeline.evaluation.judge.task import Task
from toolft_pipeline.evaluation.models.engine_generator import engine_identity
from toolft_pipeline.evaluation.promotion.impossible_tasks import impossible_task_objections
from toolft_pipeline.evaluation.promotion.kept_abilities import compare_abilities
from toolft_pipeline.evaluation.promotion.model_registry import SERVICE, champion_to_beat, withdrawn_at
from toolft_pipeline.evaluation.promotion.variants import VARIANTS_FILE, write_variants
from toolft_pipeline.evaluation.promotion.verdict import VERDICT_FILE
from toolft_pipeline.evaluation.report.logged_model import logged_metrics
from toolft_pipeline.evaluation.report.prices import model_price
from toolft_pipeline.evaluation.report.report import GENERATIONS_FILE, PAGE_FILE, write_report
from toolft_pipeline.evaluation.report.report_content import (
    BEST_CHAMPION,
    CANDIDATE,
    IN_SERVICE,
    ReportContent,
    read_evaluation,
    read_loss,
)
from toolft_pipeline.evaluation.report.report_inputs import input_changes, write_inputs
from toolft_pipeline.evaluation.scoring.levels import tools_with_few_tasks
from toolft_pipeline.evaluation.scoring.task_sampling import asked_tasks
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.evaluations.abilities import compared_abilities
from toolft_pipeline.stages.evaluations.asked_tasks import nearest_runs, tasks_of_models
from toolft_pipeline.stages.evaluations.bfcl_evaluations import BFCL_EVALUATION, bfcl_reads, bfcl_results, bfcl_sources
from toolft_pipeline.stages.evaluations.compared_models import compared_models
from toolft_pipeline.stages.evaluations.evaluations import (
    EVALUATION,
    GENERATIONS,
    ComparedModel,
    other_rollout_client,
    probes_sources,
    reuse_or_evaluate,
)
from toolft_pipeline.stages.evaluations.gate_decision import gate_verdict, without_margin
from toolft_pipeline.stages.evaluations.hosted_models import hosted_line, managed_reads, with_hosted
from toolft_pipeline.stages.evaluations.past_nights import best_champion, has_weights, past_digests
from toolft_pipeline.stages.evaluations.past_reports import inputs_of, last_inputs, past_reports
from toolft_pipeline.stages.evaluations.shadow import SHADOW, shadow_results, wants_shadow
from toolft_pipeline.stages.evaluations.task_check import TASK_CHECK, checked_tasks, write_impossible
from toolft_pipeline.stages.evaluations.training_examples import training_examples
from toolft_pipeline.stages.evaluations.variants import fallback_price, judge_variants, variant_reads
from toolft_pipeline.stages.logged_incumbent import logged_incumbent
from toolft_pipeline.stages.presentation.report_metadata import headline_metrics, report_plots, report_texts
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
)
from toolft_pipeline.stages.token_tensors import proven_rows, unproven
from toolft_pipeline.training.managed.hosted_model import file_is_as_uploaded, read_hosted
from toolft_pipeline.training.merging.merge import CHECKS_FILE, MERGE_CHECKS
from toolft_pipeline.training.train_adapter import PROGRESS_FILE
from toolft_pipeline.warehouse.digest import Json, digest_of
from toolft_pipeline.warehouse.lineage import lineage_gaps
from toolft_pipeline.warehouse.manifest import ArtifactKey
from toolft_pipeline.warehouse.store import BuildOutput, Version

ASSET = "eval_report"


def _derived(settings: AgentSettings) -> dict[str, Json]:
    evaluation = settings.evaluation
    compared = evaluation.compare
    return {
        "judge": EVALUATION.code_version,
        "generations": GENERATIONS.code_version,
        "task_check": TASK_CHECK.code_version,
        **EVALUATION.derived(settings),
        **other_rollout_client(settings),
        "endpoints": {name: each.identity for name, each in evaluation.endpoints.items() if name in compared},
        "prices": {name: asdict(model_price(name, evaluation)) for name in (CANDIDATE, *compared)},
        **managed_reads(settings),
        **bfcl_reads(settings),
        **variant_reads(settings),
        **({} if (engine := engine_identity(settings)) is None else {"engine": engine}),
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
        **probes_sources(settings),
        **({} if serving is None else {IN_SERVICE: serving.content_digest}),
        **past_digests(scope.warehouse, settings, day=scope.partition or "", serving=serving, candidate=digest),
        **({} if withdrawn is None else {"withdrawn": digest}),
        **({"lineage_gaps": digest_of([*gaps])} if gaps else {}),
    }


def proven(context: BuildContext) -> dict[str, bool]:
    """Whether each proof of the training rows and each check of the merge holds, by name.

    A proof holds for a window if it was run on every row of every day and failed on none; a window without any row
    proves nothing. A check of the merge that was not run does not hold.
    """
    days = context.inputs["token_tensors"].values()
    problems = {proof for version in days for proof in unproven(version)}
    some_rows = any(proven_rows(version) for version in days)
    rows = {proof.value: some_rows and proof not in problems for proof in Proof}
    hosted = read_hosted(context.input("merged_model").folder)
    if hosted is not None:  # nothing is merged
        return {**rows, "uploaded_file": file_is_as_uploaded(context.input("qlora_adapter").folder, hosted)}
    checks = json.loads(context.input("merged_model").file(CHECKS_FILE).read_text(encoding="utf-8"))
    passed = {name for name, check in checks.items() if check["passed"]}
    return {
        **rows,
        **{name: name in passed for name in dict.fromkeys([*MERGE_CHECKS, *checks])},
    }


def _build(context: BuildContext) -> BuildOutput:
    settings = context.settings
    possible, impossible = checked_tasks(context)
    tasks = asked_tasks(possible, settings.evaluation.max_tasks, new_tool_tasks=settings.evaluation.catalog_tasks)
    digest = context.input("merged_model").manifest.content_digest
    serving = champion_to_beat(context.warehouse, settings.name, candidate=digest)
    best = None if serving is None else best_champion(context.warehouse, settings, serving=serving, candidate=digest)
    if best is not None and not has_weights(best):
        context.progress(
            f"gate.margin counts as 0: retention has taken the weights of the best champion ({best}), and without them "
            "margins could add up; raise retention.merged_models"
        )
        best, context = None, replace(context, settings=without_margin(settings))
    context = with_hosted(context, serving=serving, best=best)
    settings = context.settings
    models = list(compared_models(context, serving, best))
    results = _evaluations(context, models, tasks)
    shadow = shadow_results(
        context, [model for model in models if model.name in {CANDIDATE, IN_SERVICE, BEST_CHAMPION}]
    )
    if shadow is not None:
        results |= {f"{name}/{SHADOW}": version for name, version in shadow.results.items()}
    evaluated = [
        read_evaluation(
            name, version.folder, price=model_price(name, settings.evaluation), fallback=fallback_price(settings)
        )
        for name, version in results.items()
    ]
    metrics = {model.name: model.metrics for model in evaluated}
    proofs = proven(context)
    bfcl = bfcl_results(context, [model for model in models if model.variant is None])
    abilities = compared_abilities(metrics, bfcl)
    left_out = [f"{each.task_id} ({each.reason})" for each in impossible]
    verdict = gate_verdict(
        context,
        metrics,
        serving=serving,
        best=best,
        shadow=shadow,
        proofs=proofs,
        abilities=abilities,
        objections=impossible_task_objections(
            left_out,
            n_tasks=len(possible) + len(impossible),
            max_share=settings.gate.max_impossible_share,
            agent=settings.name,
        ),
    )
    few_tasks = tools_with_few_tasks(load_catalog(context.input("tool_catalog").folder).names, tasks)
    inputs, last = inputs_of(context, n_tasks=len(tasks)), last_inputs(context)
    content = ReportContent(
        agent=settings.name,
        day=context.day,
        models=evaluated,
        tasks=tasks if shadow is None else [*tasks, *shadow.sample.tasks],
        verdict=verdict,
        proofs=proofs,
        logged=logged_metrics(logged_incumbent(context)),
        bfcl={name: each.rates for name, each in bfcl.items()},
        training_examples=training_examples(
            context.warehouse, context.input("merged_model"), progress=context.progress
        ),
        loss=read_loss(context.input("qlora_adapter").file(PROGRESS_FILE)),
        past=list(past_reports(context)),
        gate=settings.gate,
        abilities=compare_abilities(abilities, gate=settings.gate),
        last_day=None if last is None else last.day,
        changes=() if last is None else input_changes(inputs, last),
        impossible=left_out,
        hosted=hosted_line(context.input("merged_model")),
        nearest=nearest_runs(context, tasks),
        tools_with_few_tasks=few_tasks,
    )
    write_report(content, context.out)
    write_inputs(inputs, context.out)
    write_impossible(impossible, context.out)
    (context.out / VERDICT_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(verdict), indent=1))
    candidate = metrics[CANDIDATE]
    judged = judge_variants(metrics, settings, model=digest)
    write_variants(judged, context.out)
    return BuildOutput(
        content=(VERDICT_FILE, GENERATIONS_FILE, *([VARIANTS_FILE] if judged else [])),
        rows={"tasks": candidate.n_tasks, "steps": candidate.n_steps, "impossible_tasks": len(impossible)},
        headline=headline_metrics(metrics, verdict=verdict, variants=judged, tools_with_few_tasks=few_tasks),
    )


def _evaluations(context: BuildContext, models: Sequence[ComparedModel], tasks: Sequence[Task]) -> dict[str, Version]:
    """The evaluation of each model; models with long prompts are asked fewer tasks, variants none of new tools."""
    tasks_from = sources.agent_file(context.settings, context.settings.evaluation.tasks)
    asked = tasks_of_models(models, tasks, evaluation=context.settings.evaluation)
    return {model.name: reuse_or_evaluate(context, model, asked[model.name], tasks_from=tasks_from) for model in models}


def _promotable(version: Version, _settings: AgentSettings) -> CheckOutcome:
    headline = version.manifest.headline
    shown = ("reasons", "tasks", "smallest_visible_difference", "difference")
    return CheckOutcome(passed=bool(headline["promote"]), detail={name: headline[name] for name in shown})


STAGE = Stage(
    asset=ASSET,
    description="Steps and rollouts of candidate, base and model in service; one HTML page; the gate's verdict.",
    group=Group.MODEL,
    kinds=("html", "parquet"),
    code_version="10",
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
        "managed",
        "evaluation.tasks",
        "evaluation.variants",
        "serving.constrained",
        "evaluation.bfcl",
        "evaluation.bfcl_questions",
        "evaluation.bfcl_irrelevance",
    ),
    derived=_derived,
    optional={"verified_trajectories": wants_shadow},
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
