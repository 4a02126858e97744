"""The variants of the candidate in eval_report: what decides their answers, and the gate's decision on each.

Invariant: without `evaluation.variants` nothing is evaluated, written or entered in a fingerprint.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from toolft_pipeline.evaluation.promotion.variant_identity import variant_identity
from toolft_pipeline.evaluation.promotion.variants import VariantVerdict, judge_variant
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
    return {"variants": read, "variant_verdicts": VERDICTS_CODE}


def fallback_price(settings: AgentSettings) -> ModelPrice | None:
    """The price of the endpoint behind the net; None where it is not evaluated."""
    name = settings.serving.fallback.endpoint
    if Variant.FALLBACK not in settings.evaluation.variants or name is None:
        return None
    return model_price(name, settings.evaluation)


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
