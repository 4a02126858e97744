"""`evaluation`: how models are judged."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator

from toolft_pipeline.settings.section import Section

_COMPARED_BY_NAME = frozenset({"candidate", "in_service", "base", "base_catalog", "incumbent"})


class EndpointSettings(Section):
    """A model behind an OpenAI-compatible endpoint, to compare with. Prices in any one currency; 0 is not reckoned."""

    base_url: str = Field(pattern=r"^https?://")
    """Where the API begins, such as https://HOST/v1."""
    model: str = Field(min_length=1)
    """The model's name there. A name that the provider moves keeps its old evaluation: name a dated one."""
    key_from: str | None = "OPENAI_API_KEY"
    """Environment variable that holds the key; null for a server that wants none."""
    price_per_million_prompt_tokens: float = Field(0.0, ge=0)
    """Price of a million prompt tokens."""
    price_per_million_completion_tokens: float = Field(0.0, ge=0)
    """Price of a million completion tokens."""
    machine_hour_price: float = Field(0.0, ge=0)
    """Price of the machine's hour, for a model that you serve yourself."""
    parallel: int = Field(4, ge=1)
    """Requests under way at once."""
    timeout_s: float = Field(120.0, gt=0)
    """Seconds until a request is given up and tried again."""
    retries: int = Field(5, ge=0)
    """Tries beyond the first after 429, 5xx, a cut answer or a time-out, with growing pauses."""
    request: dict[str, Any] = Field(default_factory=dict)
    """Anything else for the request, by the protocol's own names; null leaves out what is sent otherwise: max_tokens,
    temperature 0, seed 0."""

    @property
    def identity(self) -> dict[str, Any]:
        """What decides the answers: prices, the key and pauses do not."""
        return {"base_url": self.base_url, "model": self.model, "request": self.request}


class EvaluationSettings(Section):
    """How models are judged."""

    tasks: str = "tasks.jsonl"
    """File of evaluation tasks, relative to the agent file."""
    max_tasks: int | None = Field(None, gt=0)
    """Tasks drawn evenly over categories and families; None takes all."""
    few_shot_tasks: int | None = Field(None, gt=0)
    """Of these, how many the untuned base is asked, which reads examples in every prompt; None is all."""
    catalog_tasks: int | None = Field(24, gt=0)
    """Of these, how many a model is asked that reads the full catalog: thousands of tokens a prompt; None is all."""
    max_turns: int = Field(12, gt=0)
    """Assistant turns of one rollout at most."""
    max_new_tokens: int = Field(192, gt=0)
    """Tokens of one assistant turn at most."""
    max_task_tokens: int | None = Field(2048, gt=0)
    """Tokens of all assistant turns of one rollout at most; None is no limit."""
    max_task_s: float | None = Field(600.0, gt=0)
    """Seconds of the machine that one rollout takes at most, model and backend: a guard against a model or a backend
    that crawls, not a measure. None is no limit."""
    batch_size: int = Field(16, gt=0)
    """Rollouts decoded side by side; a placement choice that enters no fingerprint."""
    probes: bool = True
    """Whether models are also asked the fixed questions on general ability, so that forgetting shows."""
    few_shot: int = Field(4, ge=0)
    """Golden runs shown to the untuned base in its prompt."""
    extra_calls: int = Field(1, ge=0)
    """Calls beyond the plan that a rollout may make."""
    compare: tuple[str, ...] = ("base",)
    """Models beside the candidate: `base` (few-shot), `base_catalog` (full catalog), a base-model package name, or a
    name of `endpoints`."""
    endpoints: dict[str, EndpointSettings] = Field(default_factory=dict)
    """OpenAI-compatible endpoints by the name that they have in reports; asked where `compare` names them, on as many
    tasks as `catalog_tasks` says: they read the full catalog."""
    machine_hour_price: float = Field(0.0, ge=0)
    """Price of one hour of this machine, for the cost per 1,000 tasks."""
    bfcl: str | None = None
    """Folder of the Berkeley Function Calling Leaderboard's files (`data` in the package bfcl-eval), relative to the
    agent file or absolute: every model of the report is also asked its single-turn Python sets, with the questions' own
    tools in the prompt. Like general ability it is no part of the gate."""
    bfcl_questions: int | None = Field(25, gt=0)
    """Questions of each of the four sets; None is all 1,040."""

    @field_validator("endpoints")
    @classmethod
    def _names_are_free(cls, value: dict[str, EndpointSettings]) -> dict[str, EndpointSettings]:
        if taken := sorted(_COMPARED_BY_NAME & value.keys()):
            raise ValueError(f"{', '.join(taken)} is the name of another model in reports; choose another")
        return value
