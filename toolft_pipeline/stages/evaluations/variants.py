"""The variants of the candidate in eval_report: what decides their answers, and the gate's decision on each.

Invariant: without `evaluation.variants` nothing is evaluated, written or entered in a fingerprint.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from toolft_pipeline.evaluation.promotion.variant_identity import variant_identity
from toolft_pipeline.evaluation.promotion.variants import VariantVerdict, judge_variant
from toolft_pipeline.evaluation.promotion.verdict import ServedFigures
from toolft_pipeline.evaluation.report.prices import ModelPrice, model_price
from toolft_pipeline.evaluation.report.report_content import CANDIDATE
from toolft_pipeline.evaluation.scoring.metrics import ModelMetrics
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.settings.evaluation import Variant
from toolft_pipeline.warehouse.digest import Json

VERDICTS_CODE = "2"
"""Raise it when VARIANTS_FILE holds other fields: reports with variants are written again, no model is asked again."""


def variant_name(variant: Variant) -> str:
    """The variant's key in the report."""
    return f"{CANDIDATE}+{variant}"


def variant_reads(settings: AgentSettings) -> dict[str, Json]:
    """The variants' part of the report's fingerprint."""
    variants = settings.evaluation.variants
    if not variants:
        return {}
    read: dict[str, Json] = {variant.value: {**variant_identity(variant, settings)} for variant in variants}
    if Variant.FALLBACK in variants:
        read["fallback_price"] = asdict(fallback_price(settings) or ModelPrice())
    net = judged_behind(settings)
    return {
        "variants": read,
        "variant_verdicts": VERDICTS_CODE,
        **({} if net is None else {"judged_behind": net.value}),
    }


def fallback_price(settings: AgentSettings) -> ModelPrice | None:
    """The price of the endpoint behind the net; None where it is not evaluated."""
    name = settings.serving.fallback.endpoint
    if Variant.FALLBACK not in settings.evaluation.variants or name is None:
        return None
    return model_price(name, settings.evaluation)


def judged_behind(settings: AgentSettings) -> Variant | None:
    """The net that the gate holds its thresholds behind: the grammar, where the model is served under it and the report
    evaluates it. Never the fallback, whose answers are another model's.
    """
    asked = settings.serving.constrained and Variant.CONSTRAINED in settings.evaluation.variants
    return Variant.CONSTRAINED if asked else None


def served_figures(metrics: Mapping[str, ModelMetrics], settings: AgentSettings, *, model: str) -> ServedFigures | None:
    """The figures of what will be served, where that is not the candidate alone. A net that ends more tasks worse than
    better is not served (`judge_variant`), so the candidate is judged without it.
    """
    net = judged_behind(settings)
    if net is None:
        return None
    judged = judge_variants(metrics, settings, model=model)
    if any(each.variant == net.value and each.is_worse for each in judged):
        return None
    return ServedFigures(name=variant_name(net), metrics=metrics[variant_name(net)])


def judge_variants(metrics: Mapping[str, ModelMetrics], settings: AgentSettings, *, model: str) -> list[VariantVerdict]:
    """The gate's decision on each evaluated variant of the model with this content digest."""
    return [
        judge_variant(
            variant.value,
            model=model,
            behind=metrics[variant_name(variant)],
            plain=metrics[CANDIDATE],
            gate=settings.gate,
            identity=variant_identity(variant, settings),
        )
        for variant in settings.evaluation.variants
    ]
