"""The rules that need no sandbox, in their order.

Invariant: a run is judged by the first rule that it breaks, cheap rules first, and nothing but the settings and
today's catalog enters the judgement.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from toolft_pipeline.catalog.build import load_catalog
from toolft_pipeline.catalog.renames import load_renames
from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.chat.formats import get_format
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.trajectories.record import Trajectory
from toolft_pipeline.trajectories.rejects import hmac_key
from toolft_pipeline.verification.catalog import check_catalog
from toolft_pipeline.verification.control_tokens import check_control_tokens
from toolft_pipeline.verification.dead_ends import check_dead_ends
from toolft_pipeline.verification.outcome import check_outcome
from toolft_pipeline.verification.structure import check_structure
from toolft_pipeline.verification.verdict import Finding


@dataclass(frozen=True, kw_only=True)
class Judge:
    """What the rules need to know: the settings, today's catalog, old tool names, and what is control."""

    settings: AgentSettings
    names: frozenset[str]
    validator: CatalogValidator
    renames: Mapping[str, str]
    control_strings: tuple[str, ...]
    hmac_key: bytes


def make_judge(*, catalog: Path, settings: AgentSettings) -> Judge:
    """The rules' knowledge from the catalog's file or folder and the settings. Raises `CatalogError`."""
    today = load_catalog(catalog)
    renames = settings.catalog.renames
    return Judge(
        settings=settings,
        names=frozenset(today.names),
        validator=CatalogValidator(today),
        renames={} if renames is None else load_renames(settings.path(renames), catalog=today),
        control_strings=get_format(settings.chat.format).control_strings,
        hmac_key=hmac_key(),
    )


def check_cheap(run: Trajectory, *, judge: Judge) -> Finding | None:
    """The rules that need no sandbox, in order: the first finding."""
    settings = judge.settings.verification
    return (
        check_structure(run.messages, settings=settings)
        or check_catalog(run.messages, validator=judge.validator, names=judge.names)
        or check_control_tokens(run.messages, control_strings=judge.control_strings)
        or check_dead_ends(run.messages, settings=settings)
        or check_outcome(run)
    )
