"""The rules that need no sandbox, in their order.

Invariant: a run is judged by the first rule that it breaks, cheap rules first, and nothing but the settings and
today's catalog enters the judgement.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from toolft_pipeline.catalog.build import built_renames, load_catalog
from toolft_pipeline.catalog.renames import load_renames
from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.chat.formats import get_format
from toolft_pipeline.ingest.parsing.rejects import hmac_key
from toolft_pipeline.settings import AgentSettings, Grounded, VerificationSettings
from toolft_pipeline.trajectories.record import Trajectory
from toolft_pipeline.verification.redaction.run import Redactor
from toolft_pipeline.verification.rules.catalog import check_catalog
from toolft_pipeline.verification.rules.catalog_words import Schemas, tool_schemas
from toolft_pipeline.verification.rules.control_tokens import check_control_tokens
from toolft_pipeline.verification.rules.dead_ends import check_dead_ends
from toolft_pipeline.verification.rules.grounding import check_grounding
from toolft_pipeline.verification.rules.outcome import check_outcome
from toolft_pipeline.verification.rules.structure import check_structure
from toolft_pipeline.verification.rules.verdict import Fault, Rule, Violation


@dataclass(frozen=True, kw_only=True)
class RuleContext:
    """What the rules that need no sandbox go by: limits, what is control, and today's tools where they are known."""

    limits: VerificationSettings
    control_strings: tuple[str, ...]
    tools: CatalogValidator | None


@dataclass(frozen=True, kw_only=True)
class Judge:
    """What verification needs to know: the settings, the rules, old tool names, what replaces secrets."""

    settings: AgentSettings
    rules: RuleContext
    tools: CatalogValidator
    tool_digests: Mapping[str, str]
    renames: Mapping[str, str]
    redactor: Redactor

    @property
    def schemas(self) -> Schemas | None:
        """What replay needs to ask whether a run read what it used; None where that is not asked."""
        refused = self.settings.verification.grounding.refuses(Grounded.BACKEND_VALUES)
        return tool_schemas(self.tools) if refused else None


def load_rules(*, catalog: Path, settings: AgentSettings) -> Judge:
    """The rules' knowledge from the catalog's file or folder and the settings. Raises `CatalogError`.

    A built catalog brings its renames; for one that was not built (a proposal) those of the agent's folder are read.
    """
    today = load_catalog(catalog)
    tools = CatalogValidator(today)
    renames, written = built_renames(catalog), settings.catalog.renames
    if renames is None:
        renames = {} if written is None else load_renames(settings.path(written), catalog=today)
    return Judge(
        settings=settings,
        rules=RuleContext(
            limits=settings.verification,
            control_strings=get_format(settings.chat.format).control_strings,
            tools=tools,
        ),
        tools=tools,
        tool_digests=today.digests,
        renames=renames,
        redactor=Redactor(settings.verification.redaction, key=hmac_key()),
    )


def redact_run(
    run: Trajectory, *, redactor: Redactor, tools: CatalogValidator | None
) -> tuple[Trajectory, Counter[str], Violation | None]:
    """The last rule: the run redacted, how many values of each kind there were, and what that broke in its calls."""
    clean, redacted = redactor.run(run)
    broken = check_catalog(clean.messages, tools=tools) if redacted and tools is not None else None
    if broken is None:
        return clean, redacted, None
    reason = f"after redaction: {broken.reason}"
    return clean, redacted, Violation(rule=Rule.REDACTION, fault=Fault.REDACTION_BREAKS_SCHEMA, reason=reason)


def first_violation(run: Trajectory, *, rules: RuleContext) -> Violation | None:
    """The rules that need no sandbox, in order: the first finding."""
    return next((violation for _, violation in check_rules(run, rules=rules) if violation is not None), None)


def check_rules(run: Trajectory, *, rules: RuleContext) -> Iterator[tuple[Rule, Violation | None]]:
    """The rules that need no sandbox and that the settings let ask, in order, each when it is drawn."""
    yield Rule.STRUCTURE, check_structure(run, settings=rules.limits)
    if rules.tools is not None:
        yield Rule.CATALOG, check_catalog(run.messages, tools=rules.tools)
    yield Rule.CONTROL_TOKENS, check_control_tokens(run.messages, control_strings=rules.control_strings)
    yield Rule.DEAD_ENDS, check_dead_ends(run.messages, settings=rules.limits)
    yield Rule.OUTCOME, check_outcome(run, settings=rules.limits)
    if rules.limits.grounding.asks:
        schemas = {} if rules.tools is None else tool_schemas(rules.tools)
        violation = check_grounding(run.messages, schemas=schemas, settings=rules.limits.grounding)
        yield Rule.GROUNDING, violation
