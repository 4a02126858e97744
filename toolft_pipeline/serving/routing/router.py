"""The router: follows the pointer to the model in service and swaps models while requests run.

Invariant: a request keeps the model that it began with until it ends. The next model is loaded beside the one in
service and takes over in one step between two requests; the old one answers what it began and is closed then. A model
that cannot be loaded changes nothing. At most two models are in memory, loading and draining ones counted.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from toolft_pipeline.engines.engine import EngineError
from toolft_pipeline.evaluation.promotion.model_registry import service_folder
from toolft_pipeline.serving.canary.canary import Canary
from toolft_pipeline.serving.notice import CANARY_REFUSED, Figure, Notice, Notify, log_notice
from toolft_pipeline.serving.parts import Route
from toolft_pipeline.serving.routing.candidate_choice import CandidateChoice, RefusedCandidate
from toolft_pipeline.serving.routing.conversation_arms import ConversationArms
from toolft_pipeline.serving.routing.find_model import find_model
from toolft_pipeline.serving.routing.held_model import EngineFactory, HeldModel, give_memory_back
from toolft_pipeline.serving.routing.load_failures import LoadFailures
from toolft_pipeline.serving.routing.load_model import load_version
from toolft_pipeline.serving.routing.router_figures import router_figures, router_status
from toolft_pipeline.serving.served_model import ServedModel
from toolft_pipeline.serving.served_turn import Arm
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.warehouse.pointers import latest_pointer
from toolft_pipeline.warehouse.store import Version, Warehouse


class FollowingRouter:
    """A `Router` over the warehouse. Used from one event loop.

    `version` fixes the model (`find_model`); then no pointer is followed and no candidate is served.
    """

    def __init__(
        self,
        *,
        warehouse: Warehouse,
        settings: AgentSettings,
        make_engine: EngineFactory,
        version: str | None = None,
        canary: Canary | None = None,
        notify: Notify = log_notice,
    ) -> None:
        self._warehouse = warehouse
        self._settings = settings
        self._make_engine = make_engine
        self._version = version
        self._canary = None if version is not None else canary
        self._notify = notify
        self._candidates = None if self._canary is None else CandidateChoice(warehouse, settings, self._canary)
        self._champion: HeldModel | None = None
        self._candidate: HeldModel | None = None
        self._draining: dict[HeldModel, asyncio.Task[None]] = {}
        self._failures = {arm: LoadFailures(first_pause_s=settings.serving.follow_s) for arm in Arm}
        self._arms = ConversationArms()
        self._following: asyncio.Task[None] | None = None
        self._loading: str | None = None
        self._look_error: str | None = None
        self._swaps = 0
        self._last_swap_s: float | None = None

    @asynccontextmanager
    async def route(self, conversation_id: str) -> AsyncIterator[Route]:
        """The route of one request. Raises `EngineError` if no model is loaded."""
        held, arm = self._choose(conversation_id)
        with held.request():
            try:
                yield Route(model=held.model, engine=held.engine, arm=arm)
            except EngineError as error:
                if self._canary is not None:
                    self._canary.engine_failed(conversation_id, error)
                raise

    def current(self) -> Route | None:
        """The route of the champion; None until it is loaded."""
        held = self._champion
        return None if held is None else Route(model=held.model, engine=held.engine)

    def champion_model(self) -> ServedModel | None:
        """The model in service as it is loaded; None before. May be called from any thread."""
        held = self._champion
        return None if held is None else held.model

    async def start(self) -> None:
        """Load the model, and the candidate of a canary; then follow the pointer.

        Raises `ModelNotServableError` or `EngineError` if the model cannot be served.
        """
        version = await asyncio.to_thread(find_model, self._warehouse, self._settings.name, self._version)
        self._champion = await self._load(version)
        if self._version is None:
            await self._look_at_candidate()
        self._following = asyncio.create_task(self._follow(), name="follow the model in service")

    async def close(self) -> None:
        """Stop following, let running requests end within `serving.limits.drain_s`, close every engine."""
        if self._following is not None:
            self._following.cancel()
            with suppress(asyncio.CancelledError):
                await self._following
        for held in (self._champion, self._candidate):
            if held is not None:
                self._retire(held)
        self._champion = self._candidate = None
        await self._drained()
        if self._canary is not None:
            await asyncio.to_thread(self._canary.close)

    def status(self) -> dict[str, Any]:
        """What serves, what is being loaded and what could not be, as JSON for /ready; names no path."""
        return router_status(
            loaded={Arm.CHAMPION: self._champion, Arm.CANDIDATE: self._candidate},
            draining=self._draining,
            loading=self._loading,
            failures=self._failures,
        )

    def figures(self) -> Iterator[Figure]:
        """Figures for the metrics page."""
        return router_figures(self.status(), swaps=self._swaps, last_swap_s=self._last_swap_s)

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(self._settings.serving.follow_s)
            try:
                if self._version is None:
                    await self._look_at_pointer()
                    await self._look_at_candidate()
                await self._replace_failed_engine()
                self._look_error = None
            except Exception as error:  # a share that is gone for a moment must not end the following
                text = f"{type(error).__name__}: {error}"
                if text != self._look_error:
                    self._tell("warehouse", text, "the model in service stays; the server looks again")
                self._look_error = text

    async def _look_at_pointer(self) -> None:
        assert self._champion is not None, "following begins when the first model is loaded"
        pointer = await asyncio.to_thread(latest_pointer, service_folder(self._warehouse, self._settings.name))
        failures = self._failures[Arm.CHAMPION]
        if pointer is None or pointer.content_digest == self._champion.digest:
            failures.clear()
            return
        if not failures.may_try(pointer.content_digest):
            return
        noticed = time.monotonic()
        try:
            fresh = await self._successor(pointer.content_digest)
        except Exception as error:  # whatever an engine or a file raises: the old model goes on serving
            self._failed(Arm.CHAMPION, pointer.content_digest, error)
            return
        latest = await asyncio.to_thread(latest_pointer, service_folder(self._warehouse, self._settings.name))
        if latest is None or latest.content_digest != fresh.digest:  # a rollback or the next promotion came in between
            if fresh is not self._candidate:
                await fresh.engine.close()
            return
        old, self._champion = self._champion, fresh
        if fresh is self._candidate:
            self._candidate = None
            assert self._canary is not None
            await asyncio.to_thread(self._canary.close)  # the candidate was promoted: its test is over
        self._swaps += 1
        self._last_swap_s = time.monotonic() - noticed
        failures.clear()
        self._retire(old)

    async def _replace_failed_engine(self) -> None:
        """Load the model in service again where its engine can answer no more."""
        old = self._champion
        assert old is not None, "following begins when the first model is loaded"
        failures, why = self._failures[Arm.CHAMPION], old.engine.failure
        if why is None or not failures.may_try(old.digest):
            return
        self._tell(old.model.name, why, "the model is loaded again")
        await self._drop_candidate()
        await self._drained()
        try:
            version = await asyncio.to_thread(find_model, self._warehouse, self._settings.name, self._version)
            self._champion = await self._load(version)
            failures.clear()
            self._retire(old)
        except Exception as error:
            self._failed(Arm.CHAMPION, old.digest, error)

    async def _successor(self, digest: str) -> HeldModel:
        """The loaded model with this content: the candidate if it is that, else a model loaded beside the champion."""
        if self._candidate is not None and self._candidate.digest == digest:
            return self._candidate
        await self._drop_candidate()
        await self._drained()
        return await self._load(await asyncio.to_thread(find_model, self._warehouse, self._settings.name, None))

    async def _look_at_candidate(self) -> None:
        canary, champion = self._canary, self._champion
        if canary is None or champion is None or self._candidates is None:
            return
        found = await asyncio.to_thread(self._candidates.wanted, champion.model)
        if isinstance(found, RefusedCandidate) and self._candidates.is_news(found):
            self._tell(CANARY_REFUSED, str(found), found.remedy)
        wanted = None if isinstance(found, RefusedCandidate) else found
        digest = None if wanted is None else wanted.manifest.content_digest
        if self._candidate is not None and (self._candidate.digest != digest or self._candidate.engine.failure):
            await self._drop_candidate()
        failures = self._failures[Arm.CANDIDATE]
        if wanted is None or digest is None:
            failures.clear()
            return
        if self._candidate is not None or not failures.may_try(digest) or self._draining:
            return
        try:
            day = wanted.manifest.address.partition or ""
            await asyncio.to_thread(canary.open, champion=champion.model, candidate=digest, candidate_day=day)
            self._candidate = await self._load(wanted)
            failures.clear()
        except Exception as error:  # a candidate that cannot be loaded gets no conversation, and harms nobody
            await asyncio.to_thread(canary.close)
            self._failed(Arm.CANDIDATE, digest, error)

    async def _load(self, version: Version) -> HeldModel:
        self._loading = version.manifest.address.partition
        try:
            model = await asyncio.to_thread(load_version, self._warehouse, self._settings, version)
            engine = await asyncio.to_thread(self._make_engine, model)  # masks of a grammar take seconds to prepare
            try:
                await engine.start()
            except BaseException:
                await engine.close()
                raise
            return HeldModel(model, engine)
        finally:
            self._loading = None

    def _choose(self, conversation_id: str) -> tuple[HeldModel, Arm]:
        champion, candidate, canary = self._champion, self._candidate, self._canary
        if champion is None:
            raise EngineError(f"{self._settings.name}: no model is loaded yet; ask /ready and send the request again")
        if canary is not None and candidate is not None and canary.is_open(candidate.digest):
            digest = self._arms.model_of(
                conversation_id, champion=champion.digest, candidate=candidate.digest, draw=canary.assign
            )
        elif canary is not None:
            digest = self._arms.model_of(conversation_id, champion=champion.digest)
        else:
            digest = champion.digest
        if candidate is not None and digest == candidate.digest:
            return candidate, Arm.CANDIDATE
        return champion, Arm.CHAMPION

    async def _drop_candidate(self) -> None:
        if self._candidate is not None:
            held, self._candidate = self._candidate, None
            self._retire(held)
            assert self._canary is not None
            await asyncio.to_thread(self._canary.close)

    def _retire(self, held: HeldModel) -> None:
        """Let a model finish what it began, then close its engine. No new request can reach it."""
        self._draining[held] = asyncio.create_task(self._drain(held), name=f"drain {held.model.name}")

    async def _drain(self, held: HeldModel) -> None:
        try:
            left = await held.close(drain_s=self._settings.serving.limits.drain_s)
            if left:
                limit = "serving.limits.drain_s in the agent file is how long they may take"
                self._tell(held.model.name, f"{left} requests were ended with the model that answered them", limit)
        except Exception as error:  # an engine that cannot be closed must not end the server
            self._tell(held.model.name, f"its engine did not close ({error})", "restart the server if memory is short")
        finally:
            self._draining.pop(held, None)
            del held
            await asyncio.to_thread(give_memory_back)

    async def _drained(self) -> None:
        while self._draining:
            await asyncio.wait(list(self._draining.values()))

    def _failed(self, arm: Arm, digest: str, error: Exception) -> None:
        failure = self._failures[arm].add(digest, f"{error}" or type(error).__name__)
        if failure.attempts == 1:
            stays = "the model in service stays" if arm is Arm.CHAMPION else "all conversations go to the champion"
            subject = arm.value if arm is Arm.CHAMPION else CANARY_REFUSED
            self._tell(subject, f"model {digest[:16]} cannot be served: {failure.error}", f"{stays}; it is tried again")

    def _tell(self, subject: str, error: str, remedy: str) -> None:
        notice = Notice(agent=self._settings.name, subject=subject, error=error, remedy=remedy)
        asyncio.get_running_loop().run_in_executor(None, self._notify, notice)
