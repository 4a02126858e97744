"""What decides the answers of a model behind a safety net, besides the model: the identity of a variant.

Invariant: an evaluation and a server ask here, so that a net is served only as it was judged: the same endpoint by the
same rules, the same grammar by the same library.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.settings.evaluation import Variant
from toolft_pipeline.warehouse.digest import digest_of

GRAMMAR_CODE = "1"
"""Raise it when grammars or masks allow other turns; constrained variants are evaluated again."""

FALLBACK_CODE = "1"
"""Raise it when other turns are asked of the endpoint, or other answers of it are handed on."""


def variant_identity(variant: Variant | None, settings: AgentSettings) -> dict[str, str]:
    """The identity; empty without a net."""
    if variant is None:
        return {}
    if variant is Variant.CONSTRAINED:
        return {"variant": variant.value, "grammar": GRAMMAR_CODE, "llguidance": _llguidance()}
    fallback = settings.serving.fallback
    endpoint = settings.evaluation.endpoints.get(fallback.endpoint or "")
    return {
        "variant": variant.value,
        "fallback": FALLBACK_CODE,
        "endpoint": "none" if endpoint is None else digest_of(endpoint.identity),
        "invalid_arguments": str(fallback.invalid_arguments),
    }


def _llguidance() -> str:
    try:
        return version("llguidance")
    except PackageNotFoundError:  # the evaluation says so when it makes the first mask
        return "none"
