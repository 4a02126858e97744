"""The overview of all agents, as an HTML page and as Markdown for the UI.

Invariant: pure functions of data gathered elsewhere. Every name and message is escaped, and the page loads no resource
and runs no script.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources

from jinja2 import Environment, StrictUndefined

from toolft_pipeline.stages.presentation.text_charts import fit_inline


class AgentStatus(StrEnum):
    """The overall status of an agent."""

    GREEN = "fine"
    YELLOW = "look"
    RED = "broken"


@dataclass(frozen=True, kw_only=True)
class ServedModel:
    """The model in service: its as-of day, its digest, and since when it serves (UTC, ISO 8601)."""

    day: str
    digest: str
    since: str


@dataclass(frozen=True, kw_only=True)
class LastVerdict:
    """The gate's verdict on the newest candidate. `task_success`: share of tasks; `url`: its report."""

    day: str
    promoted: bool
    reasons: tuple[str, ...]
    task_success: float | None
    url: str


@dataclass(frozen=True, kw_only=True)
class AgentOverview:
    """Everything shown of one agent. `failures` block something; `warnings` do not."""

    agent: str
    served: ServedModel | None = None
    verdict: LastVerdict | None = None
    canary: str | None = None
    """The state of the canary."""
    canary_counts: str | None = None
    """What both arms did so far: it changes with every conversation, which is no event for the overview."""
    waiting: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()

    @property
    def status(self) -> AgentStatus:
        """Red after a failure, yellow after a refused candidate or a warning, else green."""
        if self.failures:
            return AgentStatus.RED
        refused = self.verdict is not None and not self.verdict.promoted
        return AgentStatus.YELLOW if refused or self.warnings else AgentStatus.GREEN


def render_overview(agents: Sequence[AgentOverview]) -> str:
    """Render the page as HTML."""
    here = resources.files(__package__)
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(here.joinpath("overview.html.jinja").read_text(encoding="utf-8"))
    counts = {status: sum(agent.status is status for agent in agents) for status in AgentStatus}
    return template.render(agents=agents, counts=counts, lines=overview_lines)


def overview_markdown(overview: AgentOverview) -> str:
    """One agent as Markdown, short enough for the UI to show inline."""
    head, *lines = overview_lines(overview)
    return fit_inline([f"**{overview.status}**: {head}", *(f"- {_plain(line)}" for line in lines)])


def overview_lines(overview: AgentOverview) -> list[str]:
    """The lines of one agent: verdict, failures, model in service, what waits."""
    return list(_lines(overview))


def _lines(overview: AgentOverview) -> Iterator[str]:
    verdict, served = overview.verdict, overview.served
    if verdict is None:
        yield "no model was evaluated yet"
    else:
        success = "" if verdict.task_success is None else f" ({verdict.task_success:.1%} of the tasks passed)"
        yield f"the candidate of {verdict.day} was {'promoted' if verdict.promoted else 'refused'}{success}"
    yield from (f"failed: {failure}" for failure in overview.failures)
    if verdict is not None:
        yield from (f"{'because' if verdict.promoted else 'refused because'}: {reason}" for reason in verdict.reasons)
    yield (
        "no model is in service"
        if served is None
        else f"in service: the model of {served.day} ({served.digest[:12]}) since {served.since}"
    )
    if overview.canary is not None:
        yield f"canary: {overview.canary}" + (f" ({overview.canary_counts})" if overview.canary_counts else "")
    yield from (f"warning: {warning}" for warning in overview.warnings)
    yield from (f"waiting: {item}" for item in overview.waiting)


def _plain(text: str) -> str:
    """Escape text for Markdown."""
    return text.replace("\n", " ").replace("<", "&lt;").replace("*", "\\*").replace("_", "\\_").replace("[", "\\[")
