"""How many requests are answered at a time: overall, for each key, and none while the server drains."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from toolft_pipeline.serving.api.errors import busy, shutting_down
from toolft_pipeline.settings.serving import ServerLimits


class Admission:
    """Counts running requests; used from one event loop."""

    def __init__(self, limits: ServerLimits) -> None:
        self._limits = limits
        self._of_client: Counter[str] = Counter()
        self.draining = False
        """Set on SIGTERM: what runs is finished, new requests are refused."""

    @property
    def running(self) -> int:
        """Requests that are answered at present, or wait for the engine."""
        return self._of_client.total()

    @contextmanager
    def place(self, client: str) -> Iterator[None]:
        """A place for one request. Raises `ApiError` 429 or 503."""
        if self.draining:
            raise shutting_down()
        if self.running >= self._limits.concurrent:
            raise busy(f"{self.running} requests are being answered, the limit of this server; retry in a second")
        if self._of_client[client] >= self._limits.per_key:
            raise busy(f"{self._of_client[client]} requests of this key are being answered, its limit; retry later")
        self._of_client[client] += 1
        try:
            yield
        finally:
            self._of_client[client] -= 1
