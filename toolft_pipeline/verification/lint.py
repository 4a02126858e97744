"""Checks log files with readers and rules before anything is configured.

Invariant: runs = kept + lost, and lint keeps what verification would keep, except for the rules in `not_asked`: it
takes the same steps, including redaction and the schema check after it. Memory does not grow with the number of
violations: each kind keeps the first location of some different reasons.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from toolft_pipeline.catalog.renames import apply_renames
from toolft_pipeline.curation.dedup.repeated_conversations import RepeatedConversations
from toolft_pipeline.ingest.day import REPEATED_ID, SeenIds
from toolft_pipeline.ingest.log_file import LogError, LogFile
from toolft_pipeline.ingest.logs import Logs
from toolft_pipeline.ingest.parsing.keys_not_read import add_counts, describe_keys_not_read
from toolft_pipeline.ingest.parsing.log_lines import LOG_ENDINGS
from toolft_pipeline.ingest.parsing.rejects import Rejection
from toolft_pipeline.settings import LogSettings
from toolft_pipeline.trajectories.category import categorize, tools_used
from toolft_pipeline.trajectories.record import Trajectory
from toolft_pipeline.verification.redaction.run import Redactor
from toolft_pipeline.verification.rules.registry import RuleContext
from toolft_pipeline.verification.rules.rule_set import first_violation, redact_run
from toolft_pipeline.verification.rules.turns import normalize_turns
from toolft_pipeline.verification.rules.verdict import format_reason

MOST_REASONS = 20
"""Different reasons shown for each kind of loss, each with its first location."""

_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True, kw_only=True)
class RunLocation:
    """The location of a lost run: 1-based line of a file, the run's id where it has one, the reason."""

    file: str
    line: int
    trajectory_id: str | None
    reason: str


@dataclass(kw_only=True)
class LintExample:
    """The first location of one reason, and how many runs have it. Reasons that differ only in numbers count as one."""

    place: RunLocation
    runs: int = 1


@dataclass(kw_only=True)
class LintReport:
    """What would be kept, what would be lost and why. `lost` maps `reader/reason` or `rule/fault` to a count.

    `formats` maps each file to the format it was read as; `default_format` names files without a line that shows their
    format, `unreadable` files that cannot be read, with the fix. `examples` are by kind and reason; `keys_not_read`
    counts the keys with content that the reader ignored. `continued_in_another` counts kept runs that are the beginning
    of another kept run.
    """

    formats: dict[str, str] = field(default_factory=dict)
    default_format: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    lines: int = 0
    runs: int = 0
    kept: int = 0
    continued_in_another: int = 0
    lost: Counter[str] = field(default_factory=Counter)
    examples: dict[str, dict[str, LintExample]] = field(default_factory=dict)
    keys_not_read: Counter[str] = field(default_factory=Counter)
    categories: Counter[str] = field(default_factory=Counter)
    tools: Counter[str] = field(default_factory=Counter)
    not_asked: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    def lose(self, kind: str, place: RunLocation) -> None:
        """Count one run that is not kept."""
        self.lost[kind] += 1
        examples, reason = self.examples.setdefault(kind, {}), _NUMBER.sub("#", place.reason)
        if reason in examples:
            examples[reason].runs += 1
        elif len(examples) < MOST_REASONS:
            examples[reason] = LintExample(place=place)


@dataclass(frozen=True, kw_only=True)
class LintRules:
    """The rules that verification would apply. `renames` are old tool names; the control strings are those of
    `chat_format`; `left_out` is what the catalog's source declares besides its tools, and why; `key` is the surrogate
    key."""

    context: RuleContext
    renames: Mapping[str, str]
    chat_format: str
    key: bytes = field(repr=False)
    left_out: tuple[str, ...] = ()

    @property
    def not_asked(self) -> tuple[str, ...]:
        """The rules that verification would apply beyond these, each with how to apply it here."""
        catalog = "catalog, before and after redaction (give today's tools with --catalog)"
        renames = "renamed tools (give renames.yaml with --renames)"
        others = (
            f"control strings of other chat formats than {self.chat_format} (name yours with --set chat.format=NAME)"
        )
        replay = "replay, and whether runs read what they use (needs a sandbox: name one in an agent file)"
        tools = () if self.renames else (renames,)
        return (*(tools if self.context.tools else (catalog,)), others, replay)


def lint(paths: Sequence[Path], *, logs: LogSettings, rules: LintRules) -> LintReport:
    """Read and check log files; a folder stands for the log files in it. The report names files that cannot be read."""
    report = LintReport(not_asked=rules.not_asked, left_out=rules.left_out)
    readable = [path for path in _log_files(paths, report) if _opens(path, logs=logs, key=rules.key, report=report)]
    try:
        _lint(Logs(readable, agent="lint", settings=logs, key=rules.key), rules=rules, report=report)
    except LogError as error:
        report.unreadable.append(str(error))
    return report


def _log_files(paths: Sequence[Path], report: LintReport) -> Iterator[Path]:
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        files = sorted(each for each in path.iterdir() if each.name.endswith(LOG_ENDINGS))
        if not files:
            endings = ", ".join(LOG_ENDINGS)
            report.unreadable.append(
                f"{path}: the folder has no log files; their names end in {endings}; or name the file itself"
            )
        yield from files


def _opens(path: Path, *, logs: LogSettings, key: bytes, report: LintReport) -> bool:
    """Whether a file can be read; the report names one that cannot, and the others are still checked."""
    try:
        file = LogFile(path, format_=logs.format, max_line_bytes=logs.max_line_bytes, key=key)
    except LogError as error:
        report.unreadable.append(str(error))
        return False
    if file.not_a_log is not None:
        report.unreadable.append(f"{path}: {file.not_a_log}")
        return False
    report.formats[str(path)] = file.format
    if not file.format_detected:
        report.default_format.append(str(path))
    return True


def _lint(logs: Logs, *, rules: LintRules, report: LintReport) -> None:
    ids = SeenIds()
    again = RepeatedConversations()
    redactor = Redactor(rules.context.limits.redaction, key=rules.key)
    for entry in logs.runs():
        if entry.run is None:
            continue
        report.lines += entry.lines
        report.runs += 1
        read = entry.run
        if not isinstance(read, Rejection) and not ids.add(read.trajectory_id):
            read = REPEATED_ID
        if isinstance(read, Rejection):
            place = RunLocation(file=str(entry.path), line=entry.line.number, trajectory_id=None, reason=read.detail)
            report.lose(f"reader/{read.reason}", place)
            continue
        add_counts(report.keys_not_read, entry.keys_not_read or {})
        run = normalize_turns(read, settings=rules.context.limits)
        run = apply_renames(run, renames=rules.renames) if rules.renames else run
        violation = first_violation(run, context=rules.context)
        if violation is None:
            run, _, violation = redact_run(run, redactor=redactor, tools=rules.context.tools)
        if violation is None:
            _keep(run, rules.context, report)
            again.add(run.messages)
            continue
        id_, reason, *quoted = redactor.redact_texts(run, run.trajectory_id, violation.reason, *violation.quoted)
        place = RunLocation(
            file=str(entry.path), line=entry.line.number, trajectory_id=id_, reason=format_reason(reason, quoted)
        )
        report.lose(f"{violation.rule}/{violation.fault}", place)
    report.continued_in_another = int(again.continued().sum())


def _keep(run: Trajectory, context: RuleContext, report: LintReport) -> None:
    report.kept += 1
    report.categories[categorize(run.messages, error_forms=context.limits.error_forms).value] += 1
    report.tools.update(tools_used(run.messages))


def as_json(report: LintReport) -> dict[str, object]:
    """The report as plain values, keys sorted by their counts."""
    return {
        "formats": report.formats,
        "format_not_detected": report.default_format,
        "unreadable": report.unreadable,
        "lines": report.lines,
        "runs": report.runs,
        "kept": report.kept,
        "continued_in_another": report.continued_in_another,
        "lost": dict(report.lost.most_common()),
        "examples": {
            kind: [{**vars(one.place), "runs": one.runs} for one in examples.values()]
            for kind, examples in report.examples.items()
        },
        "keys_not_read": dict(report.keys_not_read.most_common()),
        "categories": dict(report.categories.most_common()),
        "tools": dict(report.tools.most_common()),
        "not_asked": list(report.not_asked),
        "left_out": list(report.left_out),
    }


def as_text(report: LintReport) -> Iterable[str]:
    """The report line by line, the largest loss first."""
    for file, format_ in report.formats.items():
        yield f"{file}: {'no line shows its format; ' if file in report.default_format else ''}read as {format_}"
    share = f" ({report.kept / report.runs:.0%})" if report.runs else ""
    yield f"{report.runs} run{'' if report.runs == 1 else 's'}, {report.kept} would be kept{share}"
    if report.continued_in_another:
        yield f"  {report.continued_in_another:>6}  of them begin another one, which training takes alone"
    for kind, count in report.lost.most_common():
        yield f"  {count:>6}  {kind}"
        yield from _reasons(report.examples[kind], count)
    if report.lost:
        yield "a setting that a reason names is tried here with --set, for example --set verification.max_turns=60"
    for title, counts in (("kinds", report.categories), ("tools", report.tools)):
        if counts:
            yield f"{title} kept: " + ", ".join(f"{name} {count}" for name, count in counts.most_common())
    yield from describe_keys_not_read(report.keys_not_read)
    for reason in report.left_out:
        yield f"left out of the catalog: {reason}"
    for rule in report.not_asked:
        yield f"not asked: {rule}"


def _reasons(examples: Mapping[str, LintExample], runs: int) -> Iterator[str]:
    """One line for each different reason, with its first location."""
    for one in examples.values():
        place, more = one.place, f" (and {one.runs - 1} more)" if one.runs > 1 else ""
        run = f" ({place.trajectory_id})" if place.trajectory_id else ""
        yield f"          {place.file}:{place.line}{run}: {place.reason}{more}"
    left = runs - sum(one.runs for one in examples.values())
    if left:
        yield f"          {left} more runs for further reasons"
