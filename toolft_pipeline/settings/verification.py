"""`verification`: which runs are true."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from toolft_pipeline.settings.redaction import RedactionSettings
from toolft_pipeline.settings.section import Section, regular_expressions

Untold = Literal["refuse", "accept"]


class Grounded(StrEnum):
    """Kinds of things that an agent says or asks for and must have been told."""

    IDS = "ids"
    NUMBERS = "numbers"
    DATES = "dates"
    CHOICES = "choices"
    BACKEND_VALUES = "backend_values"


class GroundingSettings(Section):
    """What becomes of a run that says or asks for something that no message, no result and no word of the catalog told,
    by its kind: `refuse` the run, or `accept` it."""

    ids: Untold = "refuse"
    """Ids, codes, addresses and numbers of more than 15 digits in an answer, compared character by character; and
    statements about an id that no call asked about. Accept for an agent that answers on ids without a call."""
    numbers: Untold = "refuse"
    """Other numbers in an answer. Counts, sums, differences, products, percentages and roundings of told numbers are
    told. Accept for an agent that works out other figures in its head."""
    dates: Untold = "refuse"
    """Dates and times of day in an answer. Accept for an agent that knows today's date or reckons with dates."""
    choices: Untold = "refuse"
    """A choice (`enum`) of a parameter that nobody named where another choice of it was named."""
    backend_values: Untold = "refuse"
    """Names, ids and states that stand in the sandbox's initial state and that the agent used before anything told
    them. Asked where runs are replayed."""

    @model_validator(mode="before")
    @classmethod
    def _all_or_nothing(cls, value: Any) -> Any:
        return dict.fromkeys(cls.model_fields, "refuse" if value else "accept") if isinstance(value, bool) else value

    def refuses(self, kind: Grounded) -> bool:
        """Whether a run is refused for an untold thing of a kind."""
        return bool(getattr(self, kind.value) == "refuse")

    @property
    def asks(self) -> bool:
        """Whether messages alone are asked about: all kinds but the backend's values."""
        return any(self.refuses(kind) for kind in Grounded if kind is not Grounded.BACKEND_VALUES)


class VerificationSettings(Section):
    """Which runs are true: limits of the rules."""

    require_replay: bool = True
    """Whether a run that cannot be replayed (no sandbox, no recorded initial state), or whose replay proves too little
    (no recorded final state), is rejected. Where a run can be replayed, its results are compared either way."""
    accept_unknown_outcome: bool = False
    """Whether a run counts as a success where its log does not say how it ended."""
    allow_consecutive_system_turns: bool = False
    """Whether a system turn may follow another, as OpenAI's `developer` message follows `system`: all chat formats
    render each as a turn of its own, gemma3 the second one as a user turn, for the family has no system turn."""
    allow_system_turns_midway: bool = False
    """Whether a system or developer turn (a reminder, a locale) may stand behind a user turn, a result or an answer.
    All chat formats render it where it stands, gemma3 as a user turn."""
    allow_consecutive_user_turns: bool = False
    allow_user_turn_after_result: bool = False
    """Whether a user turn may follow a tool's result before the assistant has spoken: people interrupt. In logs of
    Anthropic messages it always may, for there a user turn holds the results and may add text."""
    opening_assistant_turn: Literal["refuse", "keep", "drop"] = "refuse"
    """What becomes of a run in which the assistant speaks first, as with a greeting: it is rejected; `keep` teaches the
    greeting, which needs a system turn before it (a model cannot be asked without any message), and so no
    `chat.system_prompt: strip`; `drop` leaves the greeting out."""
    cut_trailing_user_turns: bool = False
    """Whether user turns at the end of a run that nobody answered ("Thanks!") are cut off. Otherwise such a run is
    rejected."""
    allow_dangling_call: bool = False
    """Whether a run may end in a tool turn: its last results are then never spoken of."""
    allow_final_call: bool = False
    """Whether a run may end in calls without results, as rows of fine-tuning sets do. A replay makes such calls, and
    has no result to compare theirs with."""
    allow_unoffered_tools: bool = False
    """Whether a run may call tools beside those that its own log line offers: for logs that show the tools of a run's
    last request only."""
    max_turns: int = Field(40, gt=0)
    """Assistant turns of a run at most."""
    max_repeats: int = Field(2, ge=1)
    """How often one call (name and arguments) may stand in a run."""
    max_error_share: float = Field(0.5, ge=0, le=1)
    """Share of a run's tool results that may be errors."""
    error_forms: tuple[str, ...] = ()
    """Regular expressions of how this agent's failed calls begin, beside the usual ones: "Error: ", the words of MCP's,
    LangGraph's and OpenAI's libraries, a JSON object with `error` or `"isError": true`. They decide which results count
    as errors above, and a run's category. An example: "tool failed \\(\\d+\\)"."""
    redaction: RedactionSettings = RedactionSettings()
    grounding: GroundingSettings = GroundingSettings()
    """What becomes of a run that says or asks for what nothing told; `true` refuses every kind, `false` accepts all."""
    min_accepted: int = Field(1, ge=0)
    """Accepted runs of a day below which its check warns."""
    max_acceptance_drop: float = Field(0.2, ge=0, le=1)
    """How far a day's accepted share may lie below the mean of the window's days before it; below that its check
    warns: an agent's logger or a catalog that changed unseen shows here first."""
    min_runs_per_tool: int = Field(3, ge=0)
    """Accepted runs of a day that call a tool, below which the day's metadata names it."""

    @field_validator("error_forms")
    @classmethod
    def _forms(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in regular_expressions(value):
            if re.match(pattern, ""):
                raise ValueError(f"{pattern!r} matches an empty result, and so every one; say how a failure begins")
        return value
