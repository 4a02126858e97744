"""A vLLM server: one that this project starts and ends, or one that runs already.

Invariant: it is reached on the loopback or with a key. vLLM's key covers `/v1` alone and its door for adapters none of
its own, so a server that we start listens on the loopback and gets a key of its own with every start.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from toolft_pipeline.engines.completion_stream import refusal
from toolft_pipeline.engines.engine import EngineError
from toolft_pipeline.engines.model_folder import context_of
from toolft_pipeline.engines.server_process import ServerProcess, free_port, new_key
from toolft_pipeline.engines.vllm_command import adapter_rank, served_name, server_rank, vllm_command
from toolft_pipeline.settings.serving import EngineSettings

START_S = 900.0
"""Seconds until a server must be ready: loading a 4B and capturing its CUDA graphs takes minutes."""

DEATH_S = 5.0
"""Seconds that a process may need to end after it broke a connection."""

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class VllmServer:
    """The server and its client. `start` returns when it answers; `stop` ends what `start` started.

    With `lora_rank`, a server that we start takes adapters up to that rank while it runs.
    """

    def __init__(
        self,
        *,
        settings: EngineSettings,
        folder: Path,
        adapters: Mapping[str, Path],
        lora_rank: int | None,
        timeout_s: float,
        progress: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._folder = folder
        self._adapters = dict(adapters)
        self._lora_rank = lora_rank
        self._timeout_s = timeout_s
        self._progress = progress
        self._process: ServerProcess | None = None
        self._client: httpx.AsyncClient | None = None
        self.name = ""
        self.label = "vLLM"
        self.max_context = 0

    @property
    def client(self) -> httpx.AsyncClient:
        """The client of the started server. Raises `EngineError`."""
        if self._client is None:
            raise EngineError(f"{self.label}: not started, or closed")
        return self._client

    @property
    def process(self) -> ServerProcess | None:
        """Its process; None before the start, and where somebody else runs it."""
        return self._process

    async def dead(self) -> str | None:
        """Why the process has ended; None where it runs, or is not ours."""
        if self._process is None or not await self._process.ended(within_s=DEATH_S):
            return None
        return self._process.last_words()

    async def start(self) -> None:
        """Start the server, or find the one at `serving.engine.url`. Raises `EngineError`."""
        self.name = served_name(self._folder)
        url, key = self._settings.url, _key(self._settings)
        if url is None:
            key, port = new_key(), free_port()
            url = f"http://127.0.0.1:{port}"
            command = self._command(port=port, adapters=self._adapters)
            environment = {"VLLM_API_KEY": key}  # not in the command line, which every user of the machine can read
            if self._adapters or self._lora_rank:
                environment["VLLM_ALLOW_RUNTIME_LORA_UPDATING"] = "True"
            self._process = ServerProcess(name=self.label, command=command, environment=environment)
        elif key is None and urlsplit(url).hostname not in LOOPBACK:
            raise EngineError(
                f"serving.engine.url {url}: not on the loopback and without a key; start it with --api-key and name "
                "the variable that holds the key in serving.engine.key_from"
            )
        self.label = f"vLLM at {url}"
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        timeout = httpx.Timeout(self._timeout_s, connect=10)
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=self._settings.batch_size)
        self._client = httpx.AsyncClient(
            base_url=url.removesuffix("/v1"), headers=headers, timeout=timeout, limits=limits, trust_env=False
        )
        if self._process is not None:
            self._progress(f"starting {self.label} for {self._folder}")
            await self._process.start(on_line=lambda line: self._progress(f"vLLM: {line}"))
            await self._process.ready(self._healthy, timeout_s=START_S)
        await self._find_model()

    async def stop(self) -> None:
        """Close the client, and end the process if it is ours."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()
        if self._process is not None:
            await self._process.stop()

    async def load_adapter(self, name: str, adapter: Path) -> None:
        """Load an adapter under a name; one that the server has from this folder stays. Raises `EngineError`."""
        rank, limit = adapter_rank(adapter), self._rank_limit()
        if limit is not None and rank > limit:
            raise EngineError(
                f"{adapter}: an adapter of rank {rank}, and {self.label} was started for ranks up to {limit}; set "
                f"serving.engine.max_lora_rank to {rank} and start `toolft serve` again"
            )
        refused = await self._post("/v1/load_lora_adapter", {"lora_name": name, "lora_path": str(adapter)})
        if refused is not None and not await self._has(name, adapter):
            raise EngineError(f"{self.label}: cannot load the adapter {name} of {adapter}: {refused}")
        self._adapters[name] = adapter

    async def unload_adapter(self, name: str) -> None:
        """Unload it; one that is gone already is no error. Raises `EngineError`."""
        refused = await self._post("/v1/unload_lora_adapter", {"lora_name": name})
        if refused is not None and name in await self._served():
            raise EngineError(f"{self.label}: cannot unload the adapter {name}: {refused}")
        self._adapters.pop(name, None)

    def _command(self, *, port: int, adapters: Mapping[str, Path] | None = None) -> list[str]:
        return vllm_command(
            self._settings,
            folder=self._folder,
            name=self.name,
            port=port,
            adapters=adapters,
            lora_rank=self._lora_rank,
        )

    def _rank_limit(self) -> int | None:
        """The largest rank that the server takes; None where somebody else has started it, or it takes none."""
        return None if self._process is None or self._lora_rank is None else server_rank(self._lora_rank)

    async def _has(self, name: str, adapter: Path) -> bool:
        """Whether the server has the adapter from this very folder: another start of ours may have left it there."""
        return (await self._served()).get(name, {}).get("root") == str(adapter)

    async def _post(self, path: str, body: dict[str, Any]) -> str | None:
        """Ask for a change of adapters; returns why the server refuses this adapter. Raises `EngineError` for others.

        vLLM answers 400 or 404 with its own words for an adapter. 404 without them, or 403 of a proxy in front of it,
        means that adapters cannot be changed while it runs.
        """
        try:
            response = await self.client.post(path, json=body)
        except httpx.HTTPError as error:
            raise EngineError(f"{self.label}: {path} failed ({error}); is the server still running?") from error
        if response.status_code == 200:
            return None
        why = words_of_refusal(response)
        if response.status_code == 403 or (response.status_code == 404 and why is None):
            raise EngineError(f"{self.label}: cannot load adapters; start it with --enable-lora and "
                              "VLLM_ALLOW_RUNTIME_LORA_UPDATING=True, on the loopback alone")  # fmt: skip
        if response.status_code in {400, 404} and why is not None:
            return why
        raise refusal(response.status_code, response.content, name=self.label)

    async def _healthy(self) -> bool:
        try:
            return (await self.client.get("/health", timeout=5)).status_code == 200
        except httpx.HTTPError:
            return False

    async def _served(self) -> dict[str, dict[str, Any]]:
        """What the server lists: the model and its adapters, by name. Raises `EngineError`."""
        try:
            response = await self.client.get("/v1/models")
        except httpx.HTTPError as error:
            raise EngineError(f"{self.label}: not reached ({error or type(error).__name__}); start it, or remove "
                              "serving.engine.url so that it is started for you") from error  # fmt: skip
        if response.status_code != 200:
            raise refusal(response.status_code, response.content, name=self.label)
        return {str(model["id"]): model for model in response.json()["data"]}

    async def _find_model(self) -> None:
        """Check that the server has this model and every adapter, and read its context."""
        served = await self._served()
        if self.name not in served:
            variable = "VLLM_ALLOW_RUNTIME_LORA_UPDATING=True " if self._lora_rank else ""
            raise EngineError(f"{self.label}: serves {', '.join(served) or 'nothing'} and not this model; "
                              f"start it with: {variable}{' '.join(self._command(port=8001))}")  # fmt: skip
        missing = sorted(self._adapters.keys() - served.keys())
        if missing:
            raise EngineError(f"{self.label}: lacks the adapter {', '.join(missing)}; start it with --lora-modules, "
                              "or load it")  # fmt: skip
        limit = served[self.name].get("max_model_len")
        wanted = context_of(self._folder, self._settings.context_tokens)
        self.max_context = min(wanted, int(limit)) if limit else wanted


def words_of_refusal(response: httpx.Response) -> str | None:
    """vLLM's own words in a refusal, nested under `error` or, before 0.10, beside it; None without such words."""
    try:
        document = response.json()
        message = document.get("error", document).get("message")
    except (ValueError, AttributeError):
        return None
    return " ".join(str(message).split())[:300] if message else None


def _key(settings: EngineSettings) -> str | None:
    if settings.key_from is None:
        return None
    key = os.environ.get(settings.key_from)
    if not key:
        raise EngineError(f"serving.engine.key_from: the variable {settings.key_from} is empty; set it to the key")
    return key
