"""The safety nets that an agent file asks for, each held back from models that did not pass with it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from toolft_pipeline.engines.engine import EngineError
from toolft_pipeline.engines.masks.llguidance_masks import LlguidanceMasks
from toolft_pipeline.engines.token_mask import MaskFactory
from toolft_pipeline.evaluation.promotion.variant_identity import variant_identity
from toolft_pipeline.serving.nets.fallback import EndpointFallback, FallbackError
from toolft_pipeline.serving.nets.grammar import TurnConstraint
from toolft_pipeline.serving.nets.judged_behind import NetLeftOut
from toolft_pipeline.serving.nets.passed_variants import PassedVariants
from toolft_pipeline.serving.notice import Notify, in_background, log_notice
from toolft_pipeline.serving.served_model import ServedModel
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.settings.evaluation import Variant
from toolft_pipeline.settings.serving import EngineName
from toolft_pipeline.warehouse.store import Warehouse

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def fallback_net(
    settings: AgentSettings, warehouse: Warehouse, *, notify: Notify = log_notice
) -> EndpointFallback | None:
    """The net of `serving.fallback`; None where it is off. Raises `FallbackError`."""
    wanted = settings.serving.fallback
    if not wanted.enabled:
        return None
    endpoint = settings.evaluation.endpoints.get(wanted.endpoint or "")
    if endpoint is None:
        known = ", ".join(sorted(settings.evaluation.endpoints)) or "none is declared"
        raise FallbackError(
            f"serving.fallback.endpoint {wanted.endpoint!r} is not among evaluation.endpoints ({known})"
        )
    passed = _passed(settings, warehouse, Variant.FALLBACK, notify)
    return EndpointFallback(
        wanted,
        endpoint,
        while_drifting=settings.serving.drift.fallback,
        permits=lambda turn: passed(day=turn.model_day, digest=turn.model_digest),
    )


def turn_constraint(settings: AgentSettings, warehouse: Warehouse, *, notify: Notify = log_notice) -> TurnConstraint:
    """The grammars of `serving.constrained`; for no model where it is off. Raises `EngineError` for an engine without
    masks.
    """
    if not settings.serving.constrained:
        left_out = NetLeftOut(
            warehouse, agent=settings.name, setting="serving.constrained", notify=in_background(notify)
        )
        return TurnConstraint(permits=lambda model: left_out(day=model.day, digest=model.content_digest))
    engine = settings.serving.engine.name
    if engine is not EngineName.TRANSFORMERS:
        raise EngineError(
            f"{settings.name}: serving.constrained needs serving.engine.name transformers, {engine} applies no "
            "grammar; change the engine, or set serving.constrained to false"
        )
    passed = _passed(settings, warehouse, Variant.CONSTRAINED, notify)
    return TurnConstraint(permits=lambda model: passed(day=model.day, digest=model.content_digest))


def mask_factory(settings: AgentSettings, model: ServedModel) -> MaskFactory | None:
    """What applies grammars in the engine of a model; None where decoding is free.

    Made once for a tokenizer, which the models of most days share: reading its vocabulary takes seconds.
    """
    if not settings.serving.constrained:
        return None
    tokenizer = model.prompter.tokenizer
    with _LOCK:
        if tokenizer not in _MASKS:
            _MASKS[tokenizer] = LlguidanceMasks(tokenizer, stops=model.prompter.stops)
        return _MASKS[tokenizer]


def _passed(settings: AgentSettings, warehouse: Warehouse, variant: Variant, notify: Notify) -> PassedVariants:
    return PassedVariants(
        warehouse,
        agent=settings.name,
        variant=variant,
        identity=variant_identity(variant, settings),
        notify=in_background(notify),  # asked while a request is answered
    )


_LOCK = threading.Lock()
_MASKS: WeakKeyDictionary[PreTrainedTokenizerBase, LlguidanceMasks] = WeakKeyDictionary()
