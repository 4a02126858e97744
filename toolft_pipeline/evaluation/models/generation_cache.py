"""Answers of one model kept by prompt, so that its steps and rollouts can be judged again without the model.

Invariant: an answer is reused only for the same prompt, of the same kind, under the same key, which stands for all else
that decides it: the model, its decoding and the code that decodes. What follows from the answers (parsing, calls on the
backend, when a rollout stops, the judge) is done again. Where the judge lets a rollout go on that it stopped before, or
a task's user says something else, the prompts are new and the model is asked for these alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Sequence
from enum import StrEnum
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from toolft_pipeline.evaluation.models.generation import Generation, Generator, Sampling

GENERATIONS_CACHE_FILE = "generations.parquet"

_SCHEMA = pa.schema(
    [
        ("kind", pa.string()),
        ("prompt_sha256", pa.string()),
        ("text", pa.string()),
        ("n_prompt_tokens", pa.int32()),
        ("n_new_tokens", pa.int32()),
        ("latency_ms", pa.float64()),
        ("busy_ms", pa.float64()),
        ("batch_rows", pa.int32()),
        ("finished", pa.bool_()),
    ]
)


class PromptKind(StrEnum):
    """What a prompt is asked for; each kind has token limits of its own."""

    TURN = "turn"
    FALLBACK = "fallback"
    """A turn that the endpoint behind a safety net is asked."""
    PROBE = "probe"
    PROBE_CALL = "probe_call"
    SAMPLE = "sample"
    """A turn drawn at a temperature; its place has the temperature and the number of the repeat too."""
    SINGLE = "single"
    """A turn asked once more and alone, to time it."""


_Place = tuple[str, str]
"""Kind and sha256 of a prompt."""


class GenerationCache:
    """The answers of one model: `known` ones of earlier evaluations, and those that this evaluation makes."""

    def __init__(self, known: dict[_Place, Generation] | None = None) -> None:
        self._known = dict(known or {})
        self._used: dict[_Place, Generation] = {}
        self._offered: dict[_Place, Generation] = {}
        self.n_reused = 0
        self.n_new = 0

    def generator(
        self,
        kind: PromptKind,
        load: Callable[[], Generator],
        *,
        text_of: Callable[[Sequence[int]], str] | None = None,
        sampling: Sampling | None = None,
        allows: Callable[[Generation], bool] | None = None,
    ) -> Generator:
        """A generator that asks the one of `load` for unknown prompts alone, and calls `load` for the first of them.

        `text_of` gives the text that stands for a prompt, if its token ids do not say what is asked. `sampling` is how
        answers of kind `SAMPLE` are drawn. `allows` says whether this generator would give an offered answer too.
        """
        place = str(kind) if sampling is None else f"{kind} {sampling.repeat} at {sampling.temperature:g}"
        return _CachedGenerator(self, place, load, text_of or _ids_as_text, allows=allows)

    def offer(self, other: GenerationCache, *, included: Collection[PromptKind]) -> None:
        """Know the answers of the same model without a net: those of the `included` kinds, which are decoded alike
        behind it, at once; of the other kinds each that the `allows` of its generator allows.
        """
        free = set(map(str, included))
        self._known = {place: each for place, each in other._known.items() if place[0] in free} | self._known
        self._offered = other._known

    def take(self, place: _Place, allows: Callable[[Generation], bool]) -> bool:
        """Whether an answer was offered for this place and is allowed; it is used then."""
        offered = self._offered.get(place)
        if offered is None or not allows(offered):
            return False
        self._used[place] = offered
        self.n_reused += 1
        return True

    def find(self, place: _Place) -> Generation | None:
        """A known answer, counted once as reused."""
        if place not in self._used and place in self._known:
            self._used[place] = self._known[place]
            self.n_reused += 1
        return self._used.get(place)

    def add(self, place: _Place, generation: Generation) -> None:
        """Keep a new answer."""
        self._used[place] = generation
        self.n_new += 1

    def write(self, folder: Path, *, key: str) -> None:
        """Write the answers that this evaluation used, known and new."""
        rows = [
            {"kind": kind, "prompt_sha256": prompt} | msgspec.to_builtins(generation)
            for (kind, prompt), generation in sorted(self._used.items())
        ]
        table = pa.Table.from_pylist(rows, schema=_SCHEMA.with_metadata({"key": key}))
        pq.write_table(table, folder / GENERATIONS_CACHE_FILE, compression="zstd")


def read_generations(folders: Iterable[Path], *, key: str) -> GenerationCache:
    """The answers that earlier evaluations of this key wrote; of two to one prompt the later folder's."""
    known: dict[_Place, Generation] = {}
    for folder in folders:
        path = folder / GENERATIONS_CACHE_FILE
        if not path.is_file() or (pq.read_schema(path).metadata or {}).get(b"key") != key.encode():
            continue
        for row in pq.read_table(path).to_pylist():
            place = (row.pop("kind"), row.pop("prompt_sha256"))
            known[place] = msgspec.convert(row, Generation)
    return GenerationCache(known)


class _CachedGenerator(Generator):
    def __init__(
        self,
        cache: GenerationCache,
        kind: str,
        load: Callable[[], Generator],
        text_of: Callable[[Sequence[int]], str],
        *,
        allows: Callable[[Generation], bool] | None,
    ) -> None:
        self._cache = cache
        self._kind = kind
        self._load = load
        self._text_of = text_of
        self._allows = allows
        self._loaded: Generator | None = None

    def generate(self, prompts: Sequence[Sequence[int]]) -> list[Generation]:
        """Answer in the order of the prompts; each distinct unknown one is generated once."""
        places = [self._place(prompt) for prompt in prompts]
        new = {
            place: prompt
            for place, prompt in zip(places, prompts, strict=True)
            if self._cache.find(place) is None and not self._takes(place)
        }  # fmt: skip
        if new:
            if self._loaded is None:
                self._loaded = self._load()
            for place, generation in zip(new, self._loaded.generate(list(new.values())), strict=True):
                self._cache.add(place, generation)
        found = [self._cache.find(place) for place in places]
        return [generation for generation in found if generation is not None]

    def _takes(self, place: _Place) -> bool:
        return self._allows is not None and self._cache.take(place, self._allows)

    def _place(self, prompt: Sequence[int]) -> _Place:
        return self._kind, hashlib.sha256(self._text_of(prompt).encode("utf-8", "surrogatepass")).hexdigest()


def _ids_as_text(prompt: Sequence[int]) -> str:
    return " ".join(map(str, prompt))
