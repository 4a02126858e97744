"""A decoder of a tiny model, and what it delivers."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from toolft_pipeline.engines.decoder import ContinuousDecoder
from toolft_pipeline.engines.decoding.prefix_cache import PrefixCache
from toolft_pipeline.engines.decoding.stop_rule import StopRule
from toolft_pipeline.engines.decoding_row import Job
from toolft_pipeline.engines.engine import Chunk, DecodeRequest, EngineError
from toolft_pipeline_tests.engines.decoded_models import TinyModel

NEW_TOKENS = 16


def decoder(
    tiny: TinyModel, *, stops: tuple[str, ...] = (), prefix_bytes: int = 0, **changes: Any
) -> ContinuousDecoder:
    settings = {"batch_size": 4, "chunk_beside": 24, **changes}
    return ContinuousDecoder(
        tiny.model, stops=StopRule(tiny.tokenizer, stops), prefixes=PrefixCache(prefix_bytes), **settings
    )


def request(ids: tuple[int, ...], **changes: Any) -> DecodeRequest:
    return DecodeRequest(**{"ids": ids, "max_new_tokens": NEW_TOKENS, **changes})


@dataclass
class Answers:
    """What was delivered, by job."""

    chunks: dict[Job, list[Chunk]] = field(default_factory=lambda: defaultdict(list))
    errors: dict[Job, EngineError] = field(default_factory=dict)

    def turn(self, engine: ContinuousDecoder) -> None:
        for job, part in engine.turn():
            assert job not in self.errors, "an error is the last part"
            assert not self.chunks[job] or self.chunks[job][-1].end is None, "nothing follows an end"
            if isinstance(part, EngineError):
                self.errors[job] = part
            else:
                self.chunks[job].append(part)

    def finish(self, engine: ContinuousDecoder) -> None:
        for _ in range(10_000):
            if not engine.is_busy:
                return
            self.turn(engine)
        raise AssertionError("the decoder does not come to an end")

    def tokens(self, job: Job) -> list[int]:
        return [token for chunk in self.chunks[job] for token in chunk.token_ids]

    def text(self, job: Job) -> str:
        return "".join(chunk.text for chunk in self.chunks[job])


def answered(engine: ContinuousDecoder, *requests: DecodeRequest) -> tuple[Answers, list[Job]]:
    jobs = [Job(request=each) for each in requests]
    for job in jobs:
        engine.add(job)
    answers = Answers()
    answers.finish(engine)
    return answers, jobs
