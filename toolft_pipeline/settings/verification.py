"""`verification`: which runs are accepted."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from toolft_pipeline.settings.redaction import RedactionSettings
from toolft_pipeline.settings.section import Section, regular_expressions

OnUngrounded = Literal["refuse", "accept"]


class Grounded(StrEnum):
    """Kinds of values in an agent's answers and arguments that must be grounded in its run."""

    IDS = "ids"
    NUMBERS = "numbers"
    DATES = "dates"
    CHOICES = "choices"
    BACKEND_VALUES = "backend_values"


class GroundingSettings(Section):
    """What to do with a run that uses a value which occurs in no earlier message, result or word of the catalog, by the
    kind of the value: `refuse` the run, or `accept` it."""

    ids: OnUngrounded = "refuse"
    """Ids, codes, addresses and numbers of more than 15 digits in an answer, compared character by character; and
    statements about an id that no call asked about. Choose `accept` for an agent that names ids without a call."""
    numbers: OnUngrounded = "refuse"
    """Other numbers in an answer. Counts, sums, differences, products, percentages and roundings of known numbers are
    grounded. Choose `accept` for an agent that computes other figures without a tool."""
    dates: OnUngrounded = "refuse"
    """Dates and times of day in an answer. Choose `accept` for an agent that knows today's date or computes dates."""
    choices: OnUngrounded = "refuse"
    """An `enum` value as an argument that occurs nowhere in the run, while another value of the enum does."""
    backend_values: OnUngrounded = "refuse"
    """Names, ids and states of the sandbox's initial state that the agent used before any message or result held them.
    Checked where runs are replayed."""

    @model_validator(mode="before")
    @classmethod
    def _all_or_nothing(cls, value: Any) -> Any:
        return dict.fromkeys(cls.model_fields, "refuse" if value else "accept") if isinstance(value, bool) else value

    def refuses(self, kind: Grounded) -> bool:
        """Whether an ungrounded value of this kind rejects a run."""
        return bool(getattr(self, kind.value) == "refuse")

    @property
    def asks(self) -> bool:
        """Whether a kind that needs no replay is refused: all but the backend's values."""
        return any(self.refuses(kind) for kind in Grounded if kind is not Grounded.BACKEND_VALUES)


class LoggedAnswerSettings(Section):
    """What to do with a run whose answer does not say what its results say, or that acts on something else than what
    the user named: `refuse` the run, or `accept` it."""

    wrong: OnUngrounded = "refuse"
    """Answers that tell a refusal as done or a success as a failure, give a value to another entity, contradict a
    status, speak of something else, or leave out half of a list."""
    unread: OnUngrounded = "refuse"
    """Answers that only half convince: no declared form and no value shows what the calls gave. Either way they are
    counted (`answers_unread`). Before you accept them, add this agent's own words to [answers](#answers)."""
    other_target: OnUngrounded = "refuse"
    """Calls with an id that no earlier message contains, while no call uses the id of the same form that the user
    named. Choose `accept` for an agent that looks ids up where the log does not show it."""

    @model_validator(mode="before")
    @classmethod
    def _all_or_nothing(cls, value: Any) -> Any:
        return dict.fromkeys(cls.model_fields, "refuse" if value else "accept") if isinstance(value, bool) else value

    @property
    def reads_answers(self) -> bool:
        """Whether an answer can reject a run."""
        return "refuse" in (self.wrong, self.unread)

    @property
    def asks(self) -> bool:
        """Whether anything is refused."""
        return self.reads_answers or self.other_target == "refuse"


class VerificationSettings(Section):
    """Which runs are accepted: the limits of the rules."""

    require_replay: bool = True
    """Reject a run that cannot be replayed (no sandbox, no recorded initial state) or whose replay proves too little
    (no recorded final state). The results of a run that can be replayed are compared in either case."""
    accept_unknown_outcome: bool = False
    """Count a run as a success if its log does not say how it ended."""
    allow_consecutive_system_turns: bool = False
    """Accept a system turn right after another, such as OpenAI's `developer` message after `system`. All chat formats
    render each as a turn of its own; gemma3, which has no system turn, renders the second one as a user turn."""
    allow_system_turns_midway: bool = False
    """Accept a system or developer turn (a reminder, a locale) after a user turn, a result or an answer. All chat
    formats render it at its place, gemma3 as a user turn."""
    allow_consecutive_user_turns: bool = False
    """Accept a user turn right after another."""
    allow_user_turn_after_result: bool = False
    """Accept a user turn after a tool result, before the assistant has answered: people interrupt. Logs of Anthropic
    messages need no setting: there a user turn holds the results and may add text."""
    opening_assistant_turn: Literal["refuse", "keep", "drop"] = "refuse"
    """What to do with a run in which the assistant speaks first, for example with a greeting. `refuse` rejects the run;
    `keep` trains on the greeting, which needs a system turn before it (a model needs a prompt) and therefore no
    `chat.system_prompt: strip`; `drop` removes the greeting."""
    cut_trailing_user_turns: bool = False
    """Cut unanswered user turns ("Thanks!") off the end of a run. Without it such a run is rejected."""
    allow_dangling_call: bool = False
    """Accept a run that ends in a tool turn, without an answer to its last results."""
    allow_final_call: bool = False
    """Accept a run that ends in calls without results, as rows of fine-tuning sets do. A replay makes these calls and
    has no recorded results to compare with."""
    allow_unoffered_tools: bool = False
    """Accept calls of tools that the run's own log line does not offer: for logs that record only the tools of a run's
    last request."""
    max_turns: int = Field(40, gt=0)
    """Most assistant turns of a run."""
    max_repeats: int = Field(2, ge=1)
    """How often a run may make the same call (name and arguments)."""
    max_error_share: float = Field(0.5, ge=0, le=1)
    """Largest share of a run's tool results that may be errors."""
    error_forms: tuple[str, ...] = ()
    """Regular expressions for the beginning of this agent's failed results, in addition to the built-in ones: "Error:",
    the texts of MCP's, LangGraph's and OpenAI's libraries, a JSON object with `error` or `"isError": true`. They decide
    which results count as errors, and a run's category. Example: "tool failed \\(\\d+\\)"."""
    redaction: RedactionSettings = RedactionSettings()
    """What is replaced before training."""
    grounding: GroundingSettings = GroundingSettings()
    """What to do with values that are not grounded in the run; `true` refuses every kind, `false` accepts all."""
    answers: LoggedAnswerSettings = LoggedAnswerSettings()
    """What to do with answers that do not say what the results say; `true` refuses every kind, `false` accepts all."""
    min_accepted: int = Field(1, ge=0)
    """The check `enough_accepted` warns below this number of accepted runs of a day."""
    max_acceptance_drop: float = Field(0.2, ge=0, le=1)
    """The check `no_sudden_drop` warns if a day's accepted share lies further than this below the mean of the window's
    earlier days. A changed logger or an unannounced catalog change shows here first."""
    min_runs_per_tool: int = Field(3, ge=0)
    """A day's metadata lists the tools that fewer accepted runs call."""

    @field_validator("error_forms")
    @classmethod
    def _forms(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in regular_expressions(value):
            if re.match(pattern, ""):
                raise ValueError(f"{pattern!r} matches every result, even an empty one; write how a failure begins")
        return value
