"""The gate's part of eval_report: what the gate is given, gathered from the report's inputs and earlier verdicts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from toolft_pipeline.evaluation.promotion.gate import CandidateStatus, ChampionResult, GateVerdict, decide_promotion
from toolft_pipeline.evaluation.promotion.kept_abilities import ComparedAbilities
from toolft_pipeline.evaluation.promotion.model_registry import InService, withdrawn_at
from toolft_pipeline.evaluation.report.report_content import BEST_CHAMPION, CANDIDATE, IN_SERVICE
from toolft_pipeline.evaluation.scoring.metrics import ModelMetrics
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.evaluations.past_nights import past_nights
from toolft_pipeline.stages.evaluations.shadow import SHADOW, ShadowResults
from toolft_pipeline.stages.evaluations.variants import served_figures
from toolft_pipeline.stages.spec.stage import BuildContext
from toolft_pipeline.warehouse.digest import digest_of
from toolft_pipeline.warehouse.lineage import lineage_gaps


def gate_verdict(
    context: BuildContext,
    metrics: Mapping[str, ModelMetrics],
    *,
    serving: InService | None,
    best: InService | None,
    shadow: ShadowResults | None,
    proofs: Mapping[str, bool],
    abilities: ComparedAbilities,
    objections: Sequence[str],
) -> GateVerdict:
    """Decide on tonight's candidate. `metrics` are by the names of the report, `objections` are those that no
    metric shows.
    """
    model = context.input("merged_model")
    digest = model.manifest.content_digest
    status = CandidateStatus(
        as_of=context.day,
        proofs=proofs,
        lineage_gaps=[*lineage_gaps(context.warehouse, model), *stale_inputs(context)],
        withdrawn=withdrawn_at(context.warehouse, context.settings.name, candidate=digest),
        objections=objections,
        content_digest=digest,
        recipe=_recipe(context),
        trained_on=frozenset() if shadow is None else shadow.sample.trained_on,
        served=served_figures(metrics, context.settings, model=digest),
    )
    champion = None if serving is None else _champion_result(serving, metrics, IN_SERVICE)
    if champion is not None and best is not None:
        champion = replace(champion, best=_champion_result(best, metrics, BEST_CHAMPION))
    return decide_promotion(
        candidate=metrics[CANDIDATE],
        candidate_status=status,
        champion=champion,
        gate=context.settings.gate,
        shadow=metrics.get(f"{CANDIDATE}/{SHADOW}"),
        base=metrics.get("base", metrics.get("base_catalog")),
        abilities=abilities,
        past=past_nights(context.warehouse, context.settings, day=context.day),
    )


def stale_inputs(context: BuildContext) -> Iterator[str]:
    """Inputs whose proofs and checks belong to other versions than the candidate was made from."""
    model, adapter = context.input("merged_model").manifest, context.input("qlora_adapter").manifest
    pairs = [(model, "qlora_adapter"), (adapter, "token_tensors")]
    if "base_model/all" in model.inputs:  # a model that stays at a host is merged into no base
        pairs.append((model, "base_model"))
    for made, asset in pairs:
        for partition, version in context.inputs[asset].items():
            name = f"{asset}/{partition}"
            if made.inputs.get(name) != version.manifest.content_digest:
                yield f"{made.address} was made from another version of {name}; run the model's stages again"


def without_margin(settings: AgentSettings) -> AgentSettings:
    return settings.model_copy(update={"gate": settings.gate.model_copy(update={"margin": 0.0})})


def _champion_result(model: InService, metrics: Mapping[str, ModelMetrics], name: str) -> ChampionResult:
    return ChampionResult(
        day=model.day,
        content_digest=model.content_digest,
        metrics=metrics[name],
        shadow=metrics.get(f"{name}/{SHADOW}"),
    )


def _recipe(context: BuildContext) -> str:
    """Digest of what the candidate is trained with, apart from the data."""
    adapter = context.input("qlora_adapter").manifest
    base = context.input("base_model").manifest.content_digest
    return digest_of({"code": adapter.code_version, "settings": adapter.settings, "base": base})
