"""Models that stay at a host, for a report: each is asked as an endpoint under its own name.

Invariant: what a version records (model, host) decides which model is asked; the agent file gives only how: parallel
requests, prices, request parameters. Without hosted models the settings stay as they are.
"""

from __future__ import annotations

from dataclasses import replace

from toolft_pipeline.evaluation.promotion.model_registry import InService
from toolft_pipeline.evaluation.report.report_content import BEST_CHAMPION, CANDIDATE, IN_SERVICE
from toolft_pipeline.settings import AgentSettings, EndpointSettings, ManagedSettings
from toolft_pipeline.stages.evaluations.abilities import BASES
from toolft_pipeline.stages.spec.stage import BuildContext
from toolft_pipeline.training.managed.hosted_model import HostedModel, read_hosted
from toolft_pipeline.warehouse.digest import Json, digest_of
from toolft_pipeline.warehouse.store import Version


def with_hosted(context: BuildContext, *, serving: InService | None, best: InService | None) -> BuildContext:
    """The context with an endpoint for each model whose version is hosted, and for the base that a host trains from."""
    settings = context.settings
    folders = {CANDIDATE: context.input("merged_model").folder}
    folders |= {name: model.folder for name, model in ((IN_SERVICE, serving), (BEST_CHAMPION, best)) if model}
    hosted = {name: model for name, folder in folders.items() if (model := read_hosted(folder))}
    endpoints = {name: hosted_endpoint(model, settings.managed) for name, model in hosted.items()}
    if settings.managed is not None:
        base = base_endpoint(settings.managed)
        endpoints |= {name: base for name in BASES if name in settings.evaluation.compare}
    return context if not endpoints else replace(context, settings=_with_endpoints(settings, endpoints))


def hosted_line(model: Version) -> str | None:
    """Where a hosted model is and what it was tuned from, for the page; None for a model of this machine."""
    hosted = read_hosted(model.folder)
    if hosted is None:
        return None
    return f"The candidate is {hosted.where}, fine-tuned from {hosted.base} by job {hosted.job}."


def hosted_endpoint(model: HostedModel, managed: ManagedSettings | None) -> EndpointSettings:
    """How a hosted model is asked. Prices and request parameters are today's, and those of today's host."""
    asked = {} if managed is None else _asked(managed)
    return EndpointSettings(base_url=model.inference_url, model=model.model, key_from=model.key_from, **asked)


def base_endpoint(managed: ManagedSettings) -> EndpointSettings:
    """The model that the host fine-tunes, as it is without."""
    url = managed.inference_url or managed.base_url
    return EndpointSettings(base_url=url, model=managed.model, key_from=managed.key_from, **_asked(managed))


def base_digest(managed: ManagedSettings) -> str:
    """What the base's evaluation depends on; another than that of an endpoint, which is asked fewer questions."""
    return digest_of({**base_endpoint(managed).identity, "in_full": True})


def managed_reads(settings: AgentSettings) -> dict[str, Json]:
    """The report's fingerprint, where a host trains: the base, and how both are asked and priced."""
    if settings.managed is None:
        return {}
    endpoint = base_endpoint(settings.managed)
    prices = [endpoint.price_per_million_prompt_tokens, endpoint.price_per_million_completion_tokens]
    return {"managed": {"base": endpoint.identity, "prices": prices}}


def _asked(managed: ManagedSettings) -> dict[str, object]:
    return {
        "parallel": managed.parallel,
        "timeout_s": managed.timeout_s,
        "request": managed.request,
        "price_per_million_prompt_tokens": managed.price_per_million_prompt_tokens,
        "price_per_million_completion_tokens": managed.price_per_million_completion_tokens,
    }


def _with_endpoints(settings: AgentSettings, endpoints: dict[str, EndpointSettings]) -> AgentSettings:
    evaluation = settings.evaluation.model_copy(
        update={"endpoints": {**settings.evaluation.endpoints, **endpoints}}
    )  # fmt: skip
    return settings.model_copy(update={"evaluation": evaluation})
