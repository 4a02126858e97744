"""`evaluation`: how models are evaluated."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from toolft_pipeline.settings.section import Section
from toolft_pipeline.settings.serving import EngineName

_COMPARED_BY_NAME = frozenset({"candidate", "in_service", "best_champion", "base", "base_catalog", "incumbent"})


class Variant(StrEnum):
    """The candidate behind one of the safety nets of `serving`."""

    CONSTRAINED = "constrained"
    """Its turns follow a grammar of the catalog's tools (`serving.constrained`)."""
    FALLBACK = "fallback"
    """Turns that cannot be used are asked of `serving.fallback.endpoint`."""


class EndpointSettings(Section):
    """A model behind an OpenAI-compatible endpoint, to compare with. Prices in one currency; 0 is no price."""

    base_url: str = Field(pattern=r"^https?://")
    """Base URL of the API, such as https://HOST/v1."""
    model: str = Field(min_length=1)
    """The model's name at the endpoint. Use a dated name: an alias that moves keeps its old evaluation."""
    key_from: str | None = "OPENAI_API_KEY"
    """Environment variable that holds the API key; null for a server without one."""
    price_per_million_prompt_tokens: float = Field(0.0, ge=0)
    """Price of a million prompt tokens."""
    price_per_million_completion_tokens: float = Field(0.0, ge=0)
    """Price of a million completion tokens."""
    machine_hour_price: float = Field(0.0, ge=0)
    """Price of one machine hour, for a model that you serve yourself."""
    parallel: int = Field(4, ge=1)
    """Concurrent requests."""
    timeout_s: float = Field(120.0, gt=0)
    """Seconds until a request times out and is retried."""
    retries: int = Field(5, ge=0)
    """Retries after 429, 5xx, a cut answer or a time-out, with exponential backoff."""
    request: dict[str, Any] = Field(default_factory=dict)
    """Other request parameters, by the protocol's names; null omits one of the defaults max_tokens, temperature 0,
    seed 0."""

    @property
    def identity(self) -> dict[str, Any]:
        """What the answers depend on: not prices, the key or retries."""
        return {"base_url": self.base_url, "model": self.model, "request": self.request}


class RolloutClientName(StrEnum):
    """What runs the loops of rollouts."""

    BUILTIN = "builtin"
    LANGGRAPH = "langgraph"


class EvaluationSettings(Section):
    """How models are evaluated."""

    tasks: str = "tasks.jsonl"
    """File of evaluation tasks, relative to the agent file."""
    max_tasks: int | None = Field(None, gt=0)
    """Tasks sampled evenly over categories and families; None takes all."""
    few_shot_tasks: int | None = Field(None, gt=0)
    """How many of these the few-shot base runs, which has examples in every prompt; None is all."""
    catalog_tasks: int | None = Field(24, gt=0)
    """How many of these a model with the full catalog in its prompt runs (thousands of tokens), and how many tasks of
    level `new_tool` every model runs, which show the full catalog too; None is all."""
    repeats: int = Field(1, ge=1, le=16)
    """How often each task is run. 1 is one greedy rollout. With n above 1 there are n more of each task, each with a
    seed and `temperature`: pass@1 is how often a run passes, pass^n how often all n do. The gate judges the greedy
    rollout."""
    temperature: float = Field(0.7, gt=0, le=2)
    """Temperature of the rollouts with seeds (`repeats`)."""
    max_turns: int = Field(24, gt=0)
    """Limit of assistant turns per rollout. Tasks that take more count for no model."""
    max_new_tokens: int = Field(192, gt=0)
    """Token limit of one assistant turn."""
    max_task_tokens: int | None = Field(2048, gt=0)
    """Token limit of all assistant turns of one rollout together; None is no limit."""
    max_task_s: float | None = Field(600.0, gt=0)
    """Limit of machine seconds per rollout, model and backend: a guard against a very slow model or backend. None is no
    limit."""
    engine: EngineName = EngineName.TRANSFORMERS
    """What decodes model folders: transformers is evaluation's own decoder; vllm and llama_cpp are served by the
    settings of `serving.engine`, by the same token ids and the same parser. Another engine is another evaluation."""
    batch_size: int = Field(16, gt=0)
    """Rollouts decoded in one batch; a placement choice that enters no fingerprint."""
    rollout_client: RolloutClientName = RolloutClientName.BUILTIN
    """What runs the loops of a tuned model's rollouts: `builtin`, or `langgraph`, the loop of `toolft agent` through
    the server's own code (extra `agent`), so that what is judged is what is served."""
    probes: bool = True
    """Also ask questions on general ability, to detect forgetting. The gate compares the answers with the base's."""
    probes_file: str | None = None
    """JSONL file of these questions, relative to the agent file; None takes the package's 251. Replace them where a
    tool of the agent can do what the package takes for impossible. docs/evaluation.md describes the lines."""
    max_probes: int | None = Field(None, gt=0)
    """Questions on general ability, sampled evenly over their kinds; None takes all. Fewer than 200 seldom convince the
    gate: 20 answers cannot tell a loss of 15 points from none."""
    single_requests: int = Field(10, ge=0)
    """Prompts that are also answered one at a time, for the latency of a single request. 0 times none."""
    few_shot: int = Field(4, ge=0)
    """Golden runs shown as examples in the base's prompt."""
    extra_calls: int = Field(1, ge=0)
    """Reads beyond the plan that a rollout may make. Any other call beyond the plan fails the task."""
    answer_reader: str | None = None
    """Name of one of `endpoints` whose model reads the answers of all rollouts too. How often it agrees with the rules
    is in the report; it never passes or fails a rollout."""
    compare: tuple[str, ...] = ("base",)
    """Models to compare with: `base` (few-shot), `base_catalog` (full catalog), the name of a base-model package, or a
    name of `endpoints`."""
    variants: tuple[Variant, ...] = ()
    """Safety nets to evaluate the candidate behind, each as a model of its own (`candidate+constrained`,
    `candidate+fallback`). A net that did not pass for a model is not used when that model is served."""
    endpoints: dict[str, EndpointSettings] = Field(default_factory=dict)
    """OpenAI-compatible endpoints by their name in reports; evaluated if `compare` names them, on `catalog_tasks`
    tasks, as their prompts have the full catalog."""
    machine_hour_price: float = Field(0.0, ge=0)
    """Price of one hour of this machine, for the cost of 1,000 tasks."""
    bfcl: str | None = None
    """Folder of the Berkeley Function Calling Leaderboard's files (`data` in the package bfcl-eval), relative to the
    agent file or absolute: every model of the report also answers its single-turn Python sets, with the questions' own
    tools in the prompt. The gate compares the answers to the irrelevance set with the base's."""
    bfcl_questions: int | None = Field(25, gt=0)
    """Questions of each of the three sets that want a call; None is all 800."""
    bfcl_irrelevance: int | None = Field(200, gt=0)
    """Questions of the irrelevance set, where any call is wrong; None is all 240."""

    @model_validator(mode="after")
    def _reader_exists(self) -> Self:
        if self.answer_reader is not None and self.answer_reader not in self.endpoints:
            known = ", ".join(sorted(self.endpoints)) or "none is declared"
            raise ValueError(f"answer_reader {self.answer_reader!r} is not among the endpoints ({known}); add it there")
        return self

    @field_validator("endpoints")
    @classmethod
    def _names_are_free(cls, value: dict[str, EndpointSettings]) -> dict[str, EndpointSettings]:
        if taken := sorted(_COMPARED_BY_NAME & value.keys()):
            raise ValueError(f"{', '.join(taken)} is a reserved name in reports; choose another name")
        return value
