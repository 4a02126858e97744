"""All rules in the order in which they are applied: the one place where a rule is added.

Invariant: every member of `Rule` has one entry, in the same order. To add a rule: a module beside this one, a member of
`Rule` and its faults in `verdict.py`, an entry here. The digest of the rules' code follows from this table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.settings import VerificationSettings
from toolft_pipeline.trajectories.grounding_text import GroundingText
from toolft_pipeline.trajectories.record import Trajectory
from toolft_pipeline.verification.answers.forms import BUILT_IN, AnswerForms
from toolft_pipeline.verification.logged_answers.logged_turns import NO_READS
from toolft_pipeline.verification.rules.answers import check_answers
from toolft_pipeline.verification.rules.catalog import check_catalog
from toolft_pipeline.verification.rules.catalog_words import ToolSchemas, tool_schemas
from toolft_pipeline.verification.rules.control_tokens import check_control_tokens
from toolft_pipeline.verification.rules.dead_ends import check_dead_ends
from toolft_pipeline.verification.rules.grounding import check_grounding
from toolft_pipeline.verification.rules.outcome import check_outcome
from toolft_pipeline.verification.rules.structure import check_structure
from toolft_pipeline.verification.rules.verdict import Rule, Violation


@dataclass(frozen=True, kw_only=True)
class RuleContext:
    """What the rules that need no sandbox read beside the run: limits, control strings, today's tools if known."""

    limits: VerificationSettings
    control_strings: tuple[str, ...]
    tools: CatalogValidator | None
    catalog_words: GroundingText | None = None
    """The catalog's words where lookups are recorded; else those of `schemas` are used."""
    forms: AnswerForms = BUILT_IN
    """How this agent says that something worked or failed."""

    @property
    def declared_reads(self) -> Mapping[str, bool]:
        """The tools of which the catalog says whether they only read."""
        return NO_READS if self.tools is None else self.tools.reads

    @cached_property
    def schemas(self) -> ToolSchemas:
        """The tools' schemas with their descriptions; empty without a catalog."""
        return ToolSchemas() if self.tools is None else tool_schemas(self.tools)


Check = Callable[[Trajectory, RuleContext], Violation | None]


@dataclass(frozen=True, kw_only=True)
class RuleEntry:
    """One rule. `check` is None for the two that need more than a context: `replay_all` and `redact_run` apply them."""

    rule: Rule
    check: Check | None = None
    applies: Callable[[RuleContext], bool] = lambda _context: True
    """Whether the settings and the catalog let the rule apply."""


def _structure(run: Trajectory, context: RuleContext) -> Violation | None:
    return check_structure(run, settings=context.limits)


def _catalog(run: Trajectory, context: RuleContext) -> Violation | None:
    return None if context.tools is None else check_catalog(run.messages, tools=context.tools)


def _control_tokens(run: Trajectory, context: RuleContext) -> Violation | None:
    return check_control_tokens(run.messages, control_strings=context.control_strings)


def _dead_ends(run: Trajectory, context: RuleContext) -> Violation | None:
    return check_dead_ends(run.messages, settings=context.limits)


def _outcome(run: Trajectory, context: RuleContext) -> Violation | None:
    return check_outcome(run, settings=context.limits)


def _grounding(run: Trajectory, context: RuleContext) -> Violation | None:
    return check_grounding(
        run.messages,
        schemas=context.schemas,
        settings=context.limits.grounding,
        catalog_words=context.catalog_words,
    )


def _answers(run: Trajectory, context: RuleContext) -> Violation | None:
    return check_answers(
        run,
        settings=context.limits.answers,
        error_forms=context.limits.error_forms,
        forms=context.forms,
        reads=context.declared_reads,
    )


RULES = (
    RuleEntry(rule=Rule.STRUCTURE, check=_structure),
    RuleEntry(rule=Rule.CATALOG, check=_catalog, applies=lambda context: context.tools is not None),
    RuleEntry(rule=Rule.CONTROL_TOKENS, check=_control_tokens),
    RuleEntry(rule=Rule.DEAD_ENDS, check=_dead_ends),
    RuleEntry(rule=Rule.OUTCOME, check=_outcome),
    RuleEntry(rule=Rule.GROUNDING, check=_grounding, applies=lambda context: context.limits.grounding.asks),
    RuleEntry(rule=Rule.ANSWERS, check=_answers, applies=lambda context: context.limits.answers.asks),
    RuleEntry(rule=Rule.REPLAY),
    RuleEntry(rule=Rule.REDACTION),
)
