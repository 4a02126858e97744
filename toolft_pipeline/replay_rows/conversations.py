"""Which question is asked how: the conversations that become replay and decline rows.

Invariant: a function of the questions, the agent's catalog and its system prompts. A conversation looks like what the
tuned model is served: the agent's system prompt is there under `chat.system_prompt`, and tools are shown as
`chat.catalog_mode` says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from toolft_pipeline.catalog.tool import Catalog, parse_catalog
from toolft_pipeline.replay_rows.questions import Question, QuestionKind, foreign_tools, unanswerable
from toolft_pipeline.training.rows.mixing import DECLINE, REPLAY
from toolft_pipeline.trajectories.record import (
    Message,
    Origin,
    Outcome,
    OutcomeStatus,
    Role,
    Source,
    Trajectory,
    text_message,
)

MOST_SYSTEM_PROMPTS = 8
"""The agent's most frequent system prompts that are used."""

PLAIN_WITH_FOREIGN = 4
"""One of so many questions that are no wishes is also a decline row, among foreign tools."""


class Offer(StrEnum):
    """Which tools a conversation offers."""

    NONE = "none"
    AGENT = "agent"
    AGENT_AND_FOREIGN = "agent_and_foreign"


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """A question, how it is asked, and the row that it becomes."""

    category: str
    offer: Offer
    question: Question
    line: int
    system: str | None = None

    @property
    def id(self) -> str:
        """Category and the question's id."""
        return f"{self.category}/{self.question.id}"

    def trajectory(self, agent: str, answer: str | None) -> Trajectory:
        """The conversation as a run, with the base model's answer or without."""
        messages: list[Message] = [] if self.system is None else [text_message(Role.SYSTEM, self.system)]
        messages.append(text_message(Role.USER, self.question.user))
        if answer is not None:
            messages.append(text_message(Role.ASSISTANT, answer))
        return Trajectory(
            trajectory_id=self.id,
            agent=agent,
            source=Source(file="questions", line=self.line, offset=0, format="question"),
            outcome=Outcome(status=OutcomeStatus.UNKNOWN),
            origin=Origin.SAMPLED,
            messages=tuple(messages),
        )


def plan_conversations(
    questions: Sequence[Question], *, catalog: Catalog, systems: Sequence[str], categories: frozenset[str]
) -> tuple[Conversation, ...]:
    """The conversations of the wanted categories, in the order of the questions.

    Replay rows are questions that are no wishes, every other one with the agent's tools. Decline rows are the wishes
    that no tool of the agent can fulfil, and some of the other questions among foreign tools, all with one of the
    agent's system prompts.
    """
    line = {question.id: number for number, question in enumerate(questions, start=1)}
    plain = [question for question in questions if question.kind is not QuestionKind.WISH]
    wishes = [each for each in unanswerable(questions, catalog) if each.kind is QuestionKind.WISH]
    asked: list[Conversation] = []
    if REPLAY in categories:
        asked += [
            Conversation(
                category=REPLAY,
                offer=Offer.AGENT if number % 2 else Offer.NONE,
                question=question,
                line=line[question.id],
            )
            for number, question in enumerate(plain)
        ]
    if DECLINE in categories:
        among_foreign = plain[::PLAIN_WITH_FOREIGN]
        asked += [
            Conversation(
                category=DECLINE,
                offer=Offer.AGENT if question.kind is QuestionKind.WISH else Offer.AGENT_AND_FOREIGN,
                question=question,
                line=line[question.id],
                system=systems[number % len(systems)] if systems else None,
            )
            for number, question in enumerate((*wishes, *among_foreign))
        ]
    return tuple(asked)


def frequent_system_prompts(runs: Sequence[Trajectory]) -> tuple[str, ...]:
    """The most frequent system prompts of runs, ties by text."""
    found = Counter(_system_prompts(runs))
    return tuple(sorted(found, key=lambda text: (-found[text], text))[:MOST_SYSTEM_PROMPTS])


def offered_catalog(catalog: Catalog, offer: Offer) -> Catalog:
    """The tools of an offer."""
    if offer is Offer.NONE:
        return Catalog(tools=())
    if offer is Offer.AGENT:
        return catalog
    foreign = parse_catalog(list(foreign_tools()), where="foreign tools").tools
    return Catalog(tools=(*catalog.tools, *(tool for tool in foreign if tool.name not in catalog.names)))


def _system_prompts(runs: Sequence[Trajectory]) -> Iterator[str]:
    for run in runs:
        for message in run.messages[:1]:
            if message.role is Role.SYSTEM and message.text:
                yield message.text
