"""The engine that runs in the server's process: transformers, continuous batching, a thread of its own.

Invariant: the model is loaded, run and freed on one thread, never on the event loop; nothing but finished chunks and
requests cross between the two. A request always ends: with a last chunk, or with an error that says why.
"""

from __future__ import annotations

import asyncio
import gc
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from toolft_pipeline.compute_type import ComputeType, choose_compute_type
from toolft_pipeline.engines.decoder import CHUNK_ALONE, CHUNK_BESIDE, ContinuousDecoder
from toolft_pipeline.engines.decoding.prefix_cache import PrefixCache
from toolft_pipeline.engines.decoding.stop_rule import StopRule
from toolft_pipeline.engines.decoding_row import Delivery, Job
from toolft_pipeline.engines.engine import (
    Chunk,
    ContextLengthError,
    DecodeRequest,
    Engine,
    EngineBusyError,
    EngineError,
)
from toolft_pipeline.engines.model_loading import load_model, load_tokenizer
from toolft_pipeline.engines.token_mask import MaskFactory, TokenMask
from toolft_pipeline.settings.serving import EngineSettings

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

QUEUE_SIZE = 256
"""Requests that may wait for a place in the batch."""

PREFIX_CACHE_BYTES = 512 * 2**20
"""Keys and values of finished turns that are kept for the next turn of their conversations."""

LONGEST_CONTEXT = 8192
"""Tokens of prompt and answer where `context_tokens` says nothing."""


class TransformersEngine(Engine):
    """Decodes a model folder with transformers; requests join the batch while it runs, and leave it when they end."""

    def __init__(
        self,
        folder: Path,
        *,
        stops: Sequence[str],
        settings: EngineSettings,
        compute: ComputeType | None = None,
        tokenizer: PreTrainedTokenizerBase | None = None,
        mask_factory: MaskFactory | None = None,
        queue_size: int = QUEUE_SIZE,
    ) -> None:
        """Name the model; nothing is loaded before `start`.

        `stops` end a turn (`ServedPrompter.stops`). `compute` is the number type of the weights; None is the faster one
        on this machine. `tokenizer` is the folder's own where it is loaded already, else `start` loads it. Without
        `mask_factory` a request with a grammar is refused. One more request than `queue_size` waiting ones gets
        `EngineBusyError`.
        """
        self._folder = folder
        self._stops = tuple(stops)
        self._settings = settings
        self._compute = compute
        self._tokenizer = tokenizer
        self._mask_factory = mask_factory
        self._queue_size = queue_size
        self._max_context = 0
        self._vocabulary = 0
        self._failure: str | None = None
        self._jobs: dict[Job, asyncio.Queue[Chunk | EngineError]] = {}
        """Requests that are not answered. Belongs to the event loop."""
        self._new: deque[Job] = deque()
        self._wake = threading.Condition()
        self._closing = False
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ready: asyncio.Future[None] | None = None
        self._ended = asyncio.Event()

    @property
    def max_context(self) -> int:
        """Tokens of prompt and answer together: the model's limit or `context_tokens`, whichever is less."""
        if not self._max_context:
            raise EngineError("the transformers engine is not started, so its context is not known: await start()")
        return self._max_context

    @property
    def failure(self) -> str | None:
        """Why the engine can answer no more, in one line; None while it can."""
        return self._failure

    async def stream(self, request: DecodeRequest) -> AsyncIterator[Chunk]:
        """Generate one answer; `aclose` frees its place within one step of the batch."""
        self._check(request)
        mask = None if request.grammar is None else await self._mask(request.grammar)
        self._check(request)
        job = Job(request=request, mask=mask)
        parts = self._jobs[job] = asyncio.Queue()
        self._tell(job)
        try:
            while True:
                part = await parts.get()
                if isinstance(part, EngineError):
                    raise part
                yield part
                if part.end is not None:
                    return
        finally:
            del self._jobs[job]
            job.cancelled = True
            self._tell()

    def load(self) -> tuple[int, int]:
        """How many requests are in the batch (or being prefilled), and how many wait."""
        running = sum(job.running for job in self._jobs)
        return running, len(self._jobs) - running

    async def start(self) -> None:
        """Load the model on the thread that will run it. Raises `EngineError`; the second time does nothing."""
        if self._closing:
            raise EngineError("the transformers engine is closed: make another one")
        if self._thread is None:
            self._loop = asyncio.get_running_loop()
            self._ready = self._loop.create_future()
            self._thread = threading.Thread(target=self._run, name="transformers engine", daemon=True)
            self._thread.start()
        assert self._ready is not None
        await asyncio.shield(self._ready)

    async def close(self) -> None:
        """Finish what runs, refuse what waits, free the memory; the second time does nothing."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        if self._thread is not None:
            await self._ended.wait()
            self._thread.join()

    def _check(self, request: DecodeRequest) -> None:
        """Refuse what cannot be answered."""
        if self._failure is not None:
            raise EngineError(self._failure)
        if self._closing:
            raise EngineError("the transformers engine is closing and takes no more requests")
        n_prompt, n_new = len(request.ids), request.max_new_tokens
        if n_prompt + n_new > self.max_context:
            raise ContextLengthError(
                f"the prompt has {n_prompt} tokens and the answer may have {n_new}: together more than the context of "
                f"{self._max_context}; shorten the conversation or ask for fewer tokens"
            )
        if not request.ids or n_new < 1 or min(request.ids) < 0 or max(request.ids) >= self._vocabulary:
            raise EngineError(
                f"a request needs at least one token id, each from 0 to {self._vocabulary - 1}, and at least one new "
                f"token; this one has {n_prompt} ids and {n_new} new tokens"
            )
        if request.grammar is not None and self._mask_factory is None:
            raise EngineError("this engine has no grammars: set serving.constrained")
        if len(self._jobs) >= self._settings.batch_size + self._queue_size:
            raise EngineBusyError(
                f"{len(self._jobs)} requests run or wait, as many as the engine takes; send this one again later"
            )

    async def _mask(self, grammar: str) -> TokenMask:
        assert self._mask_factory is not None
        try:
            return await asyncio.to_thread(self._mask_factory, grammar)
        except EngineError:
            raise
        except Exception as error:
            raise EngineError(f"the grammar of this request cannot be used: {type(error).__name__}: {error}") from error

    def _tell(self, job: Job | None = None) -> None:
        """Hand the thread a request, or let it see that one was cancelled."""
        with self._wake:
            if job is not None:
                self._new.append(job)
            self._wake.notify()

    def _run(self) -> None:
        """The thread: load the model, then turn by turn until the end."""
        try:
            decoder = self._load()
            self._call(self._set_ready, None)
            self._decode(decoder)
        except BaseException as error:
            said = str(error) if isinstance(error, EngineError) else f"{type(error).__name__}: {error}".splitlines()[0]
            self._failure = f"the transformers engine has failed and must be started again: {said}"
            self._call(self._set_ready, EngineError(self._failure))
        finally:
            decoder = None  # type: ignore[assignment]
            gc.collect()
            self._call(self._end)

    def _load(self) -> ContinuousDecoder:
        import torch

        torch.set_num_threads(self._settings.cpu_threads)
        compute = self._compute or choose_compute_type("auto").type
        model = load_model(self._folder, compute=compute)
        config = model.config.get_text_config()
        own = getattr(config, "max_position_embeddings", None) or LONGEST_CONTEXT
        self._max_context = min(own, self._settings.context_tokens or LONGEST_CONTEXT)
        self._vocabulary = model.get_input_embeddings().num_embeddings
        return ContinuousDecoder(
            model,
            stops=StopRule(self._tokenizer or load_tokenizer(self._folder), self._stops),
            batch_size=self._settings.batch_size,
            prefixes=PrefixCache(PREFIX_CACHE_BYTES),
            chunk_beside=CHUNK_BESIDE if model.device.type == "cpu" else CHUNK_ALONE,
        )

    def _decode(self, decoder: ContinuousDecoder) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._new or self._closing or decoder.is_busy)
                while self._new:
                    decoder.add(self._new.popleft())
                closing = self._closing
            if closing:
                self._call(self._hand_out, decoder.refuse_waiting("the engine is closing; send the request again"))
                if not decoder.is_busy:
                    return
            made = decoder.turn()
            if made:
                self._call(self._hand_out, made)

    def _call(self, function: Callable[..., None], *arguments: object) -> None:
        """Run a function on the event loop; a loop that is gone needs no answers, and ends the thread."""
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            self._closing = True
            for job in list(self._jobs):
                job.cancelled = True

    def _set_ready(self, error: EngineError | None) -> None:
        assert self._ready is not None
        if self._ready.done():
            return
        if error is None:
            self._ready.set_result(None)
        else:
            self._ready.set_exception(error)

    def _hand_out(self, deliveries: list[Delivery]) -> None:
        for job, part in deliveries:
            if job in self._jobs:
                self._jobs[job].put_nowait(part)

    def _end(self) -> None:
        """The thread is over: whoever still waits for a part gets an error."""
        for parts in self._jobs.values():
            parts.put_nowait(EngineError(self._failure or "the transformers engine is closed"))
        self._ended.set()
