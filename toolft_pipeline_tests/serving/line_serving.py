"""A router over a real warehouse that serves lines on loopback, on an event loop of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from toolft_pipeline.serving.canary.canary import Canary
from toolft_pipeline.serving.notice import Notice, Notify
from toolft_pipeline.serving.routing.router import FollowingRouter
from toolft_pipeline_tests.serving.desk_warehouse import DeskWarehouse
from toolft_pipeline_tests.serving.scripted_engine import CHUNKS, HANG_S, Engines, LoopThread, serve_lines


class Serving:
    """A router that serves lines on loopback, on a loop of its own."""

    def __init__(
        self, desk: DeskWarehouse, *, version: str | None = None, notify: Notify | None = None, **serving: Any
    ) -> None:
        self.desk = desk
        self.notices: list[Notice] = []
        self._closed = False
        self.thread = LoopThread()
        self.engines = Engines()
        settings = desk.settings(**serving)
        self.canary = (
            Canary(settings=settings, warehouse=desk.warehouse, notify=self.notices.append)
            if settings.serving.canary.share
            else None
        )
        self.router = FollowingRouter(
            warehouse=desk.warehouse,
            settings=settings,
            canary=self.canary,
            make_engine=self.engines.make,
            version=version,
            notify=notify or self.notices.append,
        )
        self.thread.run(self.router.start())
        self._server, self.port = self.thread.run(serve_lines(self.router))

    def model(self) -> str:
        """The day of the model in service."""
        loaded = self.router.champion_model()
        return "" if loaded is None else loaded.day

    def until(self, holds: Callable[[], bool]) -> None:
        """Let the loop work until a condition holds."""

        async def wait() -> None:
            while not holds():
                await asyncio.sleep(0.001)

        self.thread.run(asyncio.wait_for(wait(), HANG_S))

    def set_hold(self) -> None:
        self.thread.loop.call_soon_threadsafe(self.engines.hold.set)

    def close_now(self) -> None:
        """End the server before its test ends."""
        if self._closed:
            return
        self._closed = True
        self.set_hold()
        self.thread.loop.call_soon_threadsafe(self._server.close)
        self.thread.run(self.router.close())
        self.thread.close()


def whole_answer(day: str, arm: str = "champion") -> str:
    """What the line server answers if one model wrote all of it."""
    return f"{day} " * CHUNKS + f"{arm}.\n"
