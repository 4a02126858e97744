"""Requests to a host: what is retried, for how long, and what the host's own reason was.

Invariant: a request that may have been carried out (a time-out, a broken connection, 5xx) is repeated only by a caller
for whom repeating does no harm. The key is in the header of requests and in no message.

Error bodies are those of OpenAI's page "Error codes": {"error": {"message", "type", "param", "code"}}; Together AI's
OpenAPI document has the same (`ErrorData`).
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import httpx

from toolft_pipeline.training.managed.hosts.errors import ManagedTrainingError, NotAnsweredError

T = TypeVar("T")
Document = dict[str, Any]

_FOR_NOW = frozenset({408, 409, 425, 429})
"""Statuses with which a request is refused for now and not carried out."""

_NO_MONEY = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})
"""Codes of a 429 that no waiting cures."""


@dataclass(frozen=True, kw_only=True)
class Pauses:
    """Exponential backoff with jitter: from `first_s` doubling to `longest_s`, for `patience_s` in all."""

    first_s: float = 1.0
    longest_s: float = 60.0
    patience_s: float = 3600.0

    def pause_s(self, number: int) -> float:
        """The pause after the `number`-th try, from 0: half of it certain, half random, so that runs spread out."""
        whole = min(self.longest_s, self.first_s * 2.0 ** min(number, 30))
        return whole * random.uniform(0.5, 1.0)


class HostError(ManagedTrainingError):
    """The host refused a request for good; `status` is the HTTP status."""

    def __init__(self, text: str, *, status: int) -> None:
        super().__init__(text)
        self.status = status


class HostApi:
    """The API of one host at one base URL."""

    def __init__(
        self,
        *,
        base_url: str,
        key: str | None,
        timeout_s: float,
        pauses: Pauses,
        progress: Callable[[str], None],
        key_from: str | None = None,
    ) -> None:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        self.base_url, self.pauses = base_url.rstrip("/"), pauses
        self._key, self._key_from, self._progress = key, key_from, progress
        self._client = httpx.Client(headers=headers, timeout=timeout_s)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def once(
        self,
        method: str,
        path: str,
        *,
        document: Document | None = None,
        form: Mapping[str, str] | None = None,
        file: tuple[str, bytes] | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Document:
        """One request. Raises `HostError`, or `NotAnsweredError` where it is not known whether it was carried out."""
        try:
            response = self._client.request(
                method,
                f"{self.base_url}/{path}",
                json=document,
                data=form,
                files=None if file is None else {"file": (file[0], file[1], "application/jsonl")},
                params=query,
                headers=headers,
            )
        except httpx.TimeoutException as error:
            raise NotAnsweredError(f"{method} {path}: no answer in time") from error
        except httpx.TransportError as error:
            reason = self._without_key(str(error)) or type(error).__name__
            raise NotAnsweredError(f"{method} {path}: {reason}") from error
        return self._read(method, path, response)

    def read(self, path: str, *, query: Mapping[str, str] | None = None) -> Document:
        """GET, retried. Raises `HostError`, or `ManagedTrainingError` when patience ends."""
        return self.retrying(lambda: self.once("GET", path, query=query))

    def retrying(self, call: Callable[[], T]) -> T:
        """Call until it is answered. The log has one line for each retry."""
        began, number = time.monotonic(), 0
        while True:
            try:
                return call()
            except NotAnsweredError as error:
                pause = max(self.pauses.pause_s(number), error.retry_after_s or 0.0)
                number += 1
                if time.monotonic() - began + pause > self.pauses.patience_s:
                    raise ManagedTrainingError(
                        f"{self.base_url}: {error}; gave up after {number} tries in managed.patience_s "
                        f"({self.pauses.patience_s:g} s): run again, a job that was started is found and followed"
                    ) from error
                self._progress(f"{error}; trying again in {pause:.1f} s")
                time.sleep(pause)

    def _read(self, method: str, path: str, response: httpx.Response) -> Document:
        status = response.status_code
        if 200 <= status < 300:
            try:
                document = response.json()
            except ValueError as error:
                raise HostError(
                    f"{self.base_url}: {method} {path} was not answered with JSON; check managed.base_url",
                    status=status,
                ) from error
            return document if isinstance(document, dict) else {"data": document}
        reason, code = _reason(response)
        reason = self._without_key(reason)
        if status >= 500 or (status in _FOR_NOW and code not in _NO_MONEY):
            raise NotAnsweredError(f"{method} {path}: {status} {reason}".rstrip(), retry_after_s=_retry_after(response))
        fix = {401: f"fix the key in ${self._key_from}", 403: f"the key in ${self._key_from} may not do this"}.get(
            status, "check the `managed` section of the agent file"
        )
        named = f"{reason} ({code})" if code and code not in reason else reason
        raise HostError(f"{self.base_url}: {method} {path}: {status} {named}; {fix}", status=status)

    def _without_key(self, text: str) -> str:
        return text.replace(self._key, "***") if self._key else text


def _reason(response: httpx.Response) -> tuple[str, str]:
    """The host's own message and code."""
    try:
        body = response.json()
    except ValueError:
        return " ".join(response.text.split())[:300], ""
    error = body.get("error", body) if isinstance(body, dict) else body
    if isinstance(error, dict):
        text = error.get("message") or error.get("detail") or json.dumps(error)
        return " ".join(str(text).split())[:600], str(error.get("code") or "")
    return " ".join(str(error).split())[:600], ""


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds that the host asks to wait: a number, or a date (RFC 9110, 10.2.3)."""
    text = response.headers.get("retry-after")
    if text is None:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None
