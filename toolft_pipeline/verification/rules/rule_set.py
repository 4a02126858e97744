"""The rules of one agent with what they read, and their results on one run.

Invariant: the first violated rule decides on a run, cheap rules first, and a verdict depends on the settings and
today's catalog alone. Everything that a check reads of the catalog is reported with its result.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from toolft_pipeline.catalog.build import built_renames, load_catalog
from toolft_pipeline.catalog.renames import load_renames
from toolft_pipeline.catalog.tool import Catalog
from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.chat.formats import get_format
from toolft_pipeline.settings import AgentSettings, AnswerFormsSettings, Grounded, SandboxSettings, VerificationSettings
from toolft_pipeline.trajectories.category import tools_used
from toolft_pipeline.trajectories.record import Trajectory
from toolft_pipeline.verification.answers.forms import AnswerForms
from toolft_pipeline.verification.redaction.run import Redactor
from toolft_pipeline.verification.rules.answers import has_unread_answer
from toolft_pipeline.verification.rules.catalog import check_catalog
from toolft_pipeline.verification.rules.catalog_words import RecordedWords
from toolft_pipeline.verification.rules.registry import RULES, RuleContext
from toolft_pipeline.verification.rules.state_grounding import UngroundedValue, ungrounded_values
from toolft_pipeline.verification.rules.verdict import Fault, Rule, Violation


@dataclass(frozen=True, kw_only=True)
class RuleSet:
    """One agent's rules with the catalog, its renames, the redactor and the sandbox."""

    context: RuleContext
    tools: CatalogValidator
    catalog: Catalog
    renames: Mapping[str, str]
    redactor: Redactor
    key: bytes = field(repr=False)
    """The surrogate key, also that of the catalog lookups."""
    sandbox: SandboxSettings | None
    cwd: Path
    """Where the sandbox's command runs."""

    @property
    def limits(self) -> VerificationSettings:
        """The `verification` settings."""
        return self.context.limits

    @property
    def checks_backend_values(self) -> bool:
        """Whether replay also checks that a run read the backend's values before it used them."""
        return self.sandbox is not None and self.limits.grounding.refuses(Grounded.BACKEND_VALUES)


@dataclass(frozen=True, kw_only=True)
class TextCheck:
    """The result of the rules that need no sandbox. `catalog_lookups` name everything of the catalog that the result
    depends on; `ungrounded` values are for replay to check, empty for a run with a violation. `answer_unread` is true
    for a run that was rejected for it, and for one that was accepted in spite of it."""

    violation: Violation | None
    ungrounded: tuple[UngroundedValue, ...]
    catalog_lookups: frozenset[str]
    answer_unread: bool = False


def load_rules(*, catalog: Path, settings: AgentSettings, key: bytes) -> RuleSet:
    """The rules by a catalog's file or folder, the settings and the surrogate key. Raises `CatalogError`.

    A built catalog brings its renames; for one that was not built (a proposal) those of the agent's folder are read.
    """
    today = load_catalog(catalog)
    tools = CatalogValidator(today)
    renames = built_renames(catalog)
    if renames is None:
        written = settings.catalog.renames
        renames = {} if written is None else load_renames(settings.path(written), catalog=today)
    return RuleSet(
        context=RuleContext(
            limits=settings.verification,
            control_strings=get_format(settings.chat.format).control_strings,
            tools=tools,
            forms=answer_forms(settings.answers),
        ),
        tools=tools,
        catalog=today,
        renames=renames,
        redactor=Redactor(settings.verification.redaction, key=key),
        key=key,
        sandbox=settings.sandbox,
        cwd=settings.folder,
    )


def answer_forms(settings: AnswerFormsSettings) -> AnswerForms:
    """The forms that an agent file adds."""
    return AnswerForms(done=settings.done, refused=settings.refused)


def check_text(run: Trajectory, *, rules: RuleSet) -> TextCheck:
    """Apply the rules that need no sandbox to a run with today's tool names."""
    words = RecordedWords(rules.context.schemas.words)
    context = replace(rules.context, catalog_words=words)
    violation = first_violation(run, context=context)
    ungrounded: list[UngroundedValue] = []
    if violation is None and rules.checks_backend_values:
        ungrounded = ungrounded_values(run.messages, schemas=context.schemas, catalog_words=words)
    tools = (f"tool:{name}" for name in tools_used(run.messages))
    return TextCheck(
        violation=violation,
        ungrounded=tuple(ungrounded),
        catalog_lookups=frozenset({*words.lookups, *tools}),
        answer_unread=_is_unread(run, violation, context=context),
    )


def _is_unread(run: Trajectory, violation: Violation | None, *, context: RuleContext) -> bool:
    """Whether an answer only half convinces: the violation says so, or a setting accepts such answers."""
    if violation is not None or context.limits.answers.unread == "refuse":
        return violation is not None and violation.fault is Fault.ANSWER_UNREAD
    return has_unread_answer(
        run, error_forms=context.limits.error_forms, forms=context.forms, reads=context.declared_reads
    )


def first_violation(run: Trajectory, *, context: RuleContext) -> Violation | None:
    """The first rule that a run breaks, of those that need no sandbox."""
    return next((violation for _, violation in check_rules(run, context=context) if violation is not None), None)


def check_rules(run: Trajectory, *, context: RuleContext) -> Iterator[tuple[Rule, Violation | None]]:
    """Yield the results of the rules that need no sandbox and that the settings apply, in order."""
    for entry in RULES:
        if entry.check is not None and entry.applies(context):
            yield entry.rule, entry.check(run, context)


def redact_run(
    run: Trajectory, *, redactor: Redactor, tools: CatalogValidator | None
) -> tuple[Trajectory, Counter[str], Violation | None]:
    """The last rule: the redacted run, how many values of each kind were replaced, and what that broke in its calls."""
    clean, redacted = redactor.run(run)
    broken = check_catalog(clean.messages, tools=tools) if redacted and tools is not None else None
    if broken is None:
        return clean, redacted, None
    reason = f"after redaction: {broken.reason}"
    return clean, redacted, Violation(rule=Rule.REDACTION, fault=Fault.REDACTION_BREAKS_SCHEMA, reason=reason)
