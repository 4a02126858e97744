"""A desk whose models are adapters over one base, and a whole server of it in front of a local vLLM."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolft_pipeline.engines.vllm_command import served_name
from toolft_pipeline.serving.notice import Notice
from toolft_pipeline.serving.server.server_parts import open_server_parts
from toolft_pipeline.warehouse.store import Version
from toolft_pipeline_tests.conftest import HANG_S
from toolft_pipeline_tests.engines.model_folders import token_of
from toolft_pipeline_tests.engines.vllm.local_vllm import LocalVllm
from toolft_pipeline_tests.engines.vllm.scripts import said_by, spelled
from toolft_pipeline_tests.serving.desk_warehouse import AGENT, DAYS, STOP, DeskWarehouse
from toolft_pipeline_tests.serving.running_app import RunningApp


@dataclass(frozen=True)
class AdapterDesk:
    """The desk, its base, and a model of each day; the first is in service."""

    desk: DeskWarehouse
    base: Version
    models: list[Version]

    @property
    def base_folder(self) -> Path:
        return self.base.file("model")

    def adapter(self, model: Version) -> str:
        """The name of a model's adapter at the server."""
        return f"{AGENT}-{model.manifest.address.partition}-{self.adapter_digest(model)[:16]}"

    def adapter_digest(self, model: Version) -> str:
        return model.manifest.inputs[f"qlora_adapter/{model.manifest.address.partition}"]

    def said(self, model: Version) -> tuple[str, str]:
        """The model that an answer of its adapter names, and its text."""
        return f"{AGENT}/{model.manifest.address.partition}", said_by(self.adapter(model))

    def vllm(self, **state: Any) -> LocalVllm:
        """A vLLM of the base that lets adapters change, and writes the name of the adapter that it is asked for."""
        return LocalVllm(
            folder=self.base_folder,
            name=served_name(self.base_folder),
            script=spelled(self.base_folder, stop=token_of(self.base_folder, STOP)),
            max_model_len=4096,
            runtime_adapters=True,
            **state,
        )


def desk_of_adapters(root: Path) -> AdapterDesk:
    desk = DeskWarehouse(root)
    base = desk.base()
    models = [desk.model(day, day, base=base) for day in DAYS]
    desk.promote(models[0])
    return AdapterDesk(desk, base, models)


class AdapterServing:
    """The whole server on loopback; its engine is the one that the settings name."""

    def __init__(
        self, desk: AdapterDesk, *, engine: dict[str, Any], version: str | None = None, **serving: Any
    ) -> None:
        self.desk = desk
        self.notices: list[Notice] = []
        settings = desk.desk.settings(engine={"name": "vllm", "adapters": True, **engine}, **serving)
        self.parts = open_server_parts(
            settings, desk.desk.warehouse, key=b"tests", version=version, notify=self.notices.append
        )
        self.app = RunningApp(self.parts)
        self.http, self.client = self.app.http, self.app.client
        self._open = True

    def ask(self, conversation: str | None = None) -> tuple[str, str]:
        """The model that an answer names, and its text."""
        headers = {} if conversation is None else {"X-Conversation-Id": conversation}
        answer = self.client().chat.completions.create(
            model=AGENT, messages=[{"role": "user", "content": "Hi"}], extra_headers=headers
        )
        return answer.model, answer.choices[0].message.content or ""

    def until(self, holds: Callable[[], bool]) -> None:
        """Let the server work until a condition holds."""

        async def wait() -> None:
            while not holds():
                await asyncio.sleep(0.001)

        self.app.thread.run(asyncio.wait_for(wait(), HANG_S))

    def serves(self, model: Version) -> bool:
        """Whether the model is the champion."""
        champion = self.parts.router.champion_model()
        return champion is not None and champion.content_digest == model.manifest.content_digest

    def champion_answers(self) -> bool:
        """Whether the champion's engine can answer."""
        route = self.parts.router.current()
        return route is not None and route.engine.failure is None

    def close(self) -> None:
        """End the server; the second time does nothing."""
        if self._open:
            self._open = False
            self.app.close()
