"""`serving`: how the model in service answers, and what watches it."""

from __future__ import annotations

import os
from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from toolft_pipeline.settings.section import Section


class EngineName(StrEnum):
    """What turns token ids into text."""

    TRANSFORMERS = "transformers"
    VLLM = "vllm"
    LLAMA_CPP = "llama_cpp"


class EngineSettings(Section):
    """The engine behind the server."""

    name: EngineName = EngineName.TRANSFORMERS
    """transformers runs in the server's process; vllm is a server in an environment of its own; llama_cpp needs the
    extra of that name."""
    threads: int | None = Field(None, ge=1)
    """CPU threads; null is half of the cores, at least one: an engine on all cores of a busy machine starves."""
    batch_size: int = Field(16, ge=1)
    """Requests decoded side by side; more wait."""
    context_tokens: int | None = Field(None, ge=64)
    """Tokens of prompt and answer together; null is the model's own limit, at most 8,192."""
    url: str | None = Field(None, pattern=r"^https?://")
    """vllm: base URL of a server that runs already, such as http://127.0.0.1:8001; null starts one."""
    command: tuple[str, ...] = ("vllm",)
    """vllm: the program of its own environment."""
    options: tuple[str, ...] = ()
    """vllm: more options of its command line."""
    adapters: bool = False
    """vllm: serve the base model once and each model's LoRA adapter by name over it, in place of merged models. Needs
    `training.method` qlora or lora."""
    max_lora_rank: int | None = Field(None, ge=1, le=512)
    """vllm with `adapters`: largest rank that the server takes; null is the larger one of the first adapter's and
    `training.lora_r`."""
    key_from: str | None = None
    """vllm: environment variable that holds its API key."""
    quantization: str = Field("BF16", pattern=r"^(F32|F16|BF16|Q8_0)$")
    """llama_cpp: the type of the exported weights."""

    @property
    def cpu_threads(self) -> int:
        """`threads`, else half of the cores that this process may use, at least one."""
        # Linux tells what a container or taskset allows; other systems have no such call
        usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        return self.threads or max(1, (usable or 1) // 2)


class ServerLimits(Section):
    """What one request, and all together, may take."""

    body_bytes: int = Field(2_000_000, ge=1024)
    """Longest request body, in bytes."""
    messages: int = Field(200, ge=1)
    """Most messages in a request."""
    tools: int = Field(256, ge=0)
    """Most tools in a request."""
    new_tokens: int = Field(1024, ge=1)
    """Most tokens of an answer; a request that asks for more is refused."""
    concurrent: int = Field(64, ge=1)
    """Requests that are answered or wait; one more gets 429."""
    per_key: int = Field(32, ge=1)
    """Requests of one key at a time."""
    timeout_s: float = Field(300.0, gt=0)
    """Seconds until a request that is not answered ends with 504."""
    drain_s: float = Field(60.0, gt=0)
    """Seconds that running requests get after SIGTERM, or after another model came into service."""


class FallbackSettings(Section):
    """Safety net: a turn that cannot be used is asked of the incumbent, once."""

    enabled: bool = False
    """Off by default. The net is a model variant of its own: evaluate it before you switch it on."""
    endpoint: str | None = None
    """A name of `evaluation.endpoints`."""
    invalid_arguments: bool = True
    """Whether arguments that the schema refuses are reason enough, beside calls that do not parse."""
    per_hour: int = Field(100, ge=0)
    """Most requests to the endpoint in an hour; above it the fault is sent as it is."""
    timeout_s: float = Field(30.0, gt=0)
    """Seconds for the endpoint's answer."""

    @model_validator(mode="after")
    def _names_an_endpoint(self) -> Self:
        if self.enabled and self.endpoint is None:
            raise ValueError("serving.fallback.enabled needs serving.fallback.endpoint, a name of evaluation.endpoints")
        return self


class CanarySettings(Section):
    """A share of conversations for a candidate, before it may be promoted."""

    share: float = Field(0.0, ge=0, le=0.5)
    """Share of conversations that the candidate answers; 0 is no canary."""
    version: str | None = Field(None, pattern=r"^\d{4}-\d{2}-\d{2}$")
    """As-of day of the candidate; null is the newest merged model, if it is no older than the model in service."""
    wrong_stop: float = Field(0.05, gt=0, lt=0.5)
    """Chance that a candidate that is no worse is stopped, over the whole test however often it is looked at."""
    min_parse_rate: float = Field(0.9, ge=0, le=1)
    """The candidate is stopped at once when its parse rate is certainly below this."""
    min_conversations: int = Field(20, ge=1)
    """Conversations before the sequential test may stop it."""


class DriftSettings(Section):
    """The live tools against those that the model was trained on."""

    every_s: float = Field(60.0, gt=0)
    """Seconds between two looks at the live tools (`tools/list` of the sandbox's or catalog's MCP server)."""
    fallback: bool = False
    """Whether turns are asked of the fallback endpoint as long as the tools differ."""


class ServedRunSettings(Section):
    """What served conversations become: day logs that tomorrow's raw_trajectories reads."""

    enabled: bool = True
    """Whether conversations are written."""
    folder: str | None = None
    """Where day logs are written; null is `logs.folder`, so that they are ingested. Relative to the agent file."""
    idle_s: float = Field(900.0, gt=0)
    """Seconds without a request after which a conversation is complete."""


class MonitorSettings(Section):
    """When served traffic differs from what the gate saw (asset serving_monitor)."""

    max_drop: float = Field(0.05, ge=0, le=1)
    """Largest drop of parse rate, known tools or valid arguments below the gate's figures; its upper bound decides."""
    max_fallback_share: float = Field(0.05, ge=0, le=1)
    """Largest share of turns that the fallback answered."""
    max_own_share: float = Field(0.5, ge=0, le=1)
    """Largest share of the training runs that our own models made: above it the data may collapse."""
    min_distinct_plans: float = Field(0.5, ge=0, le=1)
    """Distinct tool sequences per own run, against those per logged run of the same window; below this, a warning."""


class ServingSettings(Section):
    """The server that puts the model in service behind its agent."""

    host: str = "127.0.0.1"
    """Address to listen on. Anything but loopback needs `keys_from`."""
    port: int = Field(8100, ge=0, le=65535)
    """Port; 0 takes a free one and prints it."""
    keys_from: dict[str, str] = Field(default_factory=dict)
    """Bearer keys: name of a client -> environment variable that holds its key."""
    follow_s: float = Field(1.0, gt=0)
    """Seconds between two looks at the champion pointer."""
    constrained: bool = False
    """Decode calls under a grammar of the offered tools (extra `constrained`). A model variant of its own: with
    `constrained` in `evaluation.variants`, the gate's thresholds are held against its figures."""
    engine: EngineSettings = EngineSettings()
    limits: ServerLimits = ServerLimits()
    fallback: FallbackSettings = FallbackSettings()
    canary: CanarySettings = CanarySettings()
    drift: DriftSettings = DriftSettings()
    runs: ServedRunSettings = ServedRunSettings()
    monitor: MonitorSettings = MonitorSettings()

    @model_validator(mode="after")
    def _keys_where_others_reach_it(self) -> Self:
        if self.host not in {"127.0.0.1", "::1", "localhost"} and not self.keys_from:
            raise ValueError(f"serving.host {self.host} is reached by others: name keys in serving.keys_from")
        return self
