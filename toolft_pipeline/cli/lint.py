"""`toolft lint`: what the pipeline would keep of log files, without an agent file."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from toolft_pipeline.agent_file import SettingsError, set_override
from toolft_pipeline.catalog.build import load_catalog
from toolft_pipeline.catalog.renames import load_renames
from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.chat.formats import get_format
from toolft_pipeline.cli.runs.terminal import say
from toolft_pipeline.settings import AnswerFormsSettings, ChatSettings, LogSettings, VerificationSettings
from toolft_pipeline.settings_checks.names import log_problems
from toolft_pipeline.surrogate_key import surrogate_key
from toolft_pipeline.verification.lint import LintRules, as_json, as_text, lint
from toolft_pipeline.verification.rules.registry import RuleContext
from toolft_pipeline.verification.rules.rule_set import answer_forms


class _Sections(BaseModel):
    """The sections of an agent file that lint reads."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    logs: LogSettings = LogSettings()
    chat: ChatSettings = ChatSettings()
    answers: AnswerFormsSettings = AnswerFormsSettings()
    verification: VerificationSettings = VerificationSettings()


def lint_files(
    paths: list[Path],
    *,
    format_: str | None,
    catalog: Path | None,
    renames: Path | None,
    overrides: Mapping[str, str],
    json_: bool,
) -> int:
    """Print the report; returns 2 if a file could not be read, else 1 if a line would be rejected.

    `overrides`: settings of `logs`, `chat`, `answers` and `verification` by dotted key; a key without a dot is one of
    `verification`. Raises `SettingsError`, `ChatFormatError` and `CatalogError`.
    """
    if renames is not None and catalog is None:
        raise SettingsError("--renames needs --catalog: the new names must be tools of the catalog")
    sections = _sections(overrides if format_ is None else {**overrides, "logs.format": format_})
    today = None if catalog is None else load_catalog(catalog)
    rules = LintRules(
        context=RuleContext(
            limits=sections.verification,
            control_strings=get_format(sections.chat.format).control_strings,
            tools=None if today is None else CatalogValidator(today),
            forms=answer_forms(sections.answers),
        ),
        renames={} if renames is None or today is None else load_renames(renames, catalog=today),
        chat_format=sections.chat.format,
        key=surrogate_key(),
        left_out=() if today is None else today.left_out,
    )
    report = lint(paths, logs=sections.logs, rules=rules)
    if json_:
        say(json.dumps(as_json(report)))
    elif report.formats:  # else no file could be read, as the lines below say
        say(*as_text(report))
    say(*(f"toolft: {unreadable}" for unreadable in report.unreadable), to=sys.stderr)
    return 2 if report.unreadable else 1 if report.lost else 0


def _sections(overrides: Mapping[str, str]) -> _Sections:
    given: dict[str, Any] = {}
    for key, value in overrides.items():
        set_override(given, key if "." in key else f"verification.{key}", value, where=f"--set {key}={value}")
    try:
        sections = _Sections.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        section, *rest = (str(part) for part in first["loc"])
        known = _Sections.model_fields[section].annotation if rest and section in _Sections.model_fields else _Sections
        names = ", ".join(known.model_fields if known else ())
        raise SettingsError(
            f"--set {'.'.join((section, *rest))}: {first['msg'].lower()}; known keys: {names}"
        ) from error
    for problem in log_problems(sections.logs):
        raise SettingsError(f"--set {problem.key}: {problem.message}")
    return sections
