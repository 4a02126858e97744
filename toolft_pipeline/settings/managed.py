"""`managed`: fine-tuning as a job at a host, for teams without a GPU."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from toolft_pipeline.settings.section import Section


class ManagedApi(StrEnum):
    """The protocol of a host's files and fine-tuning jobs."""

    OPENAI = "openai"
    """`POST /files` and `POST /fine_tuning/jobs`, which many hosts serve."""
    TOGETHER = "together"
    """`POST /files/upload` and `POST /fine-tunes` of Together AI."""


class ManagedSettings(Section):
    """The model is fine-tuned by a job at a host instead of on this machine, and stays there. Of `training` only
    `token_budget` and `seed` apply then; the base model of the agent file only counts tokens."""

    api: ManagedApi = ManagedApi.OPENAI
    """Protocol of the host."""
    base_url: str = Field(pattern=r"^https?://")
    """Base URL of the host's API, such as https://HOST/v1."""
    model: str = Field(min_length=1)
    """The host's name of the model to fine-tune. Use a dated name: an alias may come to mean another model."""
    key_from: str | None = "OPENAI_API_KEY"
    """Environment variable that holds the API key; null for a host without one."""
    hyperparameters: dict[str, Any] = Field(default_factory=dict)
    """Hyperparameters by the host's names, such as n_epochs; what is not named is the host's default."""
    validation: bool = True
    """Whether the validation rows are uploaded too, so that the host reports a validation loss."""
    min_rows: int = Field(10, ge=1)
    """Fewest training rows; with fewer no job is started. A host's own minimum counts too (OpenAI: 10)."""
    max_row_tokens: int | None = Field(None, gt=0)
    """Most tokens of a row by estimate (four characters a token); longer rows are refused by name. None leaves it to
    the host, which may cut them."""
    price_per_million_trained_tokens: float = Field(0.0, ge=0)
    """Price of a million trained tokens, for the cost of the job."""
    max_cost: float | None = Field(None, gt=0)
    """Most that a job may cost by estimate; one that costs more is not started."""
    shutdown_date: str | None = Field(None, pattern=r"^\d{4}-\d{2}-\d{2}$")
    """Day on which the host shuts the model down, if you know better than the host and the table in
    `training/managed/shutdowns.py`."""
    min_days_to_shutdown: int = Field(90, ge=0)
    """Fewest days until the model's announced shutdown; with fewer no job is started. 0 starts it nevertheless."""
    poll_s: float = Field(60.0, gt=0)
    """Longest pause between two looks at the job, in seconds; the first ones are shorter."""
    timeout_s: float = Field(120.0, gt=0)
    """Seconds until a request times out and is retried."""
    patience_s: float = Field(3600.0, gt=0)
    """Seconds for which a request is retried after 429, 5xx, a time-out or a broken connection."""
    max_hours: float | None = Field(24.0, gt=0)
    """Most hours to follow a job. The job goes on, and the next run follows the same one. None is no limit."""
    cancel_with_run: bool = True
    """Whether the job is cancelled when its run is cancelled; else it goes on, and the next run finds it."""
    inference_url: str | None = Field(None, pattern=r"^https?://")
    """Base URL of chat completions with the fine-tuned model; null is `base_url`."""
    price_per_million_prompt_tokens: float = Field(0.0, ge=0)
    """Price of a million prompt tokens of the fine-tuned model."""
    price_per_million_completion_tokens: float = Field(0.0, ge=0)
    """Price of a million completion tokens of the fine-tuned model."""
    parallel: int = Field(4, ge=1)
    """Concurrent requests when the model is evaluated."""
    request: dict[str, Any] = Field(default_factory=dict)
    """Other parameters of its chat completions, as `request` of `evaluation.endpoints`."""

    @field_validator("base_url", "inference_url")
    @classmethod
    def _no_password(cls, value: str | None) -> str | None:
        if value is not None and urlsplit(value).password is not None:
            raise ValueError("a password is in it, and would be in every manifest; name a variable in managed.key_from")
        return value

    @field_validator("shutdown_date")
    @classmethod
    def _is_a_day(cls, value: str | None) -> str | None:
        if value is not None:
            date.fromisoformat(value)  # ValueError: such as "day is out of range for month"
        return value

    @field_validator("hyperparameters", "request")
    @classmethod
    def _no_secret(cls, value: dict[str, Any]) -> dict[str, Any]:
        secret = [name for name in value if name.lower().endswith(("api_key", "api_token", "secret", "password"))]
        if secret:
            raise ValueError(f"{', '.join(secret)} would be in every manifest; configure it at the host")
        return value

    @property
    def identity(self) -> dict[str, Any]:
        """What the fine-tuned model depends on: not prices, keys, limits or waiting times."""
        return {
            "api": self.api.value,
            "base_url": self.base_url,
            "model": self.model,
            "hyperparameters": self.hyperparameters,
            "validation": self.validation,
        }
