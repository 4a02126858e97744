"""Near-duplicates among documents of 450 words: ours against the naive path, right answers, and growth.

Ours is all of it: shingling, MinHash signatures, set digests, LSH, exact Jaccard. The naive path is what this project
did at first: shingles in Python sets, rensa's signatures and LSH one document at a time, exact Jaccard on the sets.
Both run in turn, in one process on one core, on the same documents; quoted are medians of CPU seconds, which a busy
machine disturbs less than the clock.

Recall and precision are against brute force on 20,000 documents (5,000 with --quick): plain Python sets, every pair
that shares a shingle compared. A third of the documents are edited copies, with similarities all around the threshold.

Growth goes from 10,000 over 100,000 to 1,000,000 documents (to 100,000 with --quick), each size in a process of its
own, with its peak memory; the days' files stay out of it, all sets are held.

    python -m benchmarks.near_duplicates [--quick] [--json]
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import resource
import statistics
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np

WORDS = 450
VOCABULARY = 30_000
THRESHOLD = 0.85
COPIED = 1 / 3
PORTION = 5_000
"""Documents made at a time: making them is not measured."""

Numbers = np.ndarray[Any, np.dtype[np.int64]]


def main() -> None:
    """Measure, print a table, and with --json one line of figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--growth", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    _one_core()
    if asked.growth:
        print(json.dumps(growth(asked.growth)))
        return
    texts = list(documents(5_000 if asked.quick else 20_000))
    characters = statistics.mean(map(len, texts))
    print(f"{len(texts)} documents of {WORDS} words, {characters:.0f} characters, threshold {THRESHOLD}", flush=True)
    figures, against = _compare(texts, times=3 if asked.quick else 5)
    figures |= _right(texts)
    figures |= _grown([10_000, 100_000] if asked.quick else [10_000, 100_000, 1_000_000])
    if asked.json:
        against |= {"documents_per_s": 20_000, "recall": 0.98, "precision": 0.98}
        print(json.dumps({"figures": figures, "against": against, "rows": len(texts)}))


def documents(count: int, *, seed: int = 0) -> Iterator[str]:
    """Made documents: words drawn by Zipf's law, a third of the documents edited copies of one of the last thousand.

    A copy has up to 40 words in a row replaced, and up to 9 single words elsewhere: similarities from 1 to about 0.75.
    """
    chance = np.random.default_rng(seed)
    vocabulary = np.array([_word(number) for number in range(VOCABULARY)], object)
    shares = np.cumsum(1 / np.arange(1, VOCABULARY + 1) ** 0.9)
    recent: list[Numbers] = []
    for number in range(count):
        words = np.searchsorted(shares, shares[-1] * chance.random(WORDS))
        if recent and chance.random() < COPIED:
            copy = recent[chance.integers(len(recent))].copy()
            start, length = chance.integers(WORDS - 40), chance.integers(41)
            copy[start : start + length] = words[start : start + length]
            places = chance.integers(0, WORDS, chance.integers(10))
            copy[places] = words[places]
            words = copy
        recent[number % 1000 : number % 1000 + 1] = [words]
        yield " ".join(vocabulary[words])


def _word(number: int) -> str:
    """The word of a rank: common words are short, as in a language (about five letters and a space in a text)."""
    length = 1 + min(number, 1000).bit_length() // 2 + number % 2
    return "".join("etaoinshrdlucmfwypvbgkqjxz"[number // 26**place % 26] for place in range(length))


@dataclass(kw_only=True)
class Ours:
    """The pipeline's own path, fed in portions; CPU seconds by step."""

    seconds: Counter[str] = field(default_factory=Counter)
    _sets: list[Any] = field(default_factory=list)
    _signatures: list[Any] = field(default_factory=list)
    _digests: list[Any] = field(default_factory=list)

    def add(self, texts: Sequence[str]) -> None:
        from toolft_pipeline.curation.dedup.minhash import signatures
        from toolft_pipeline.curation.dedup.shingles import shingle_sets
        from toolft_pipeline.curation.run_signatures import set_digests

        began = time.process_time()
        self._sets.append(shingle_sets(texts))
        shingled = time.process_time()
        self._signatures.append(signatures(self._sets[-1]))
        self._digests.append(set_digests(self._sets[-1]))
        self.seconds["shingling"] += shingled - began
        self.seconds["signatures"] += time.process_time() - shingled

    def find_survivors(self) -> list[int]:
        """For each document the survivor that it repeats, or -1."""
        from toolft_pipeline.curation.dedup.near_duplicates import Documents, find_survivors

        began = time.process_time()
        made = Documents(
            signatures=np.concatenate(self._signatures), digests=np.concatenate(self._digests), sets=self._some
        )
        found: list[int] = find_survivors(made, threshold=THRESHOLD).tolist()
        self.seconds["grouping"] += time.process_time() - began
        return found

    def _some(self, numbers: Numbers) -> Any:
        from toolft_pipeline.curation.dedup.jaccard import gather
        from toolft_pipeline.curation.dedup.shingles import Sets, offsets_of

        ends = offsets_of(np.array([len(sets) for sets in self._sets]))
        parts = [
            gather(sets, numbers[(numbers >= first) & (numbers < first + len(sets))] - first)
            for first, sets in zip(ends[:-1], self._sets, strict=True)
        ]
        values, sizes = (np.concatenate(column) for column in zip(*parts, strict=True))
        return Sets(values=values, offsets=offsets_of(sizes))


def ours(texts: Sequence[str]) -> list[int]:
    """For each document the survivor that it repeats, or -1."""
    path = Ours()
    for first in range(0, len(texts), PORTION):
        path.add(texts[first : first + PORTION])
    return path.find_survivors()


def naive(texts: Sequence[str]) -> list[int]:
    """The same, one document at a time, with a Python string for each shingle."""
    from rensa import RMinHash, RMinHashLSH

    from toolft_pipeline.curation.dedup.minhash import PERMUTATIONS, bands_for

    bands = bands_for(THRESHOLD)
    permutations = PERMUTATIONS // bands * bands
    index = RMinHashLSH(THRESHOLD, permutations, bands)
    survivors: dict[int, frozenset[str]] = {}
    found = []
    for number, text in enumerate(texts):
        document = plain_shingles(text)
        signature = RMinHash(permutations, 42)
        signature.update(sorted(document))
        alike = (n for n in index.query(signature) if similarity(survivors[n], document) >= THRESHOLD)
        found.append(min(alike, default=-1))
        if found[-1] < 0:
            index.insert(number, signature)
            survivors[number] = document
    return found


def brute_force(texts: Sequence[str]) -> list[int]:
    """The same without hashing: a document is compared with every survivor that it shares a shingle with."""
    having: defaultdict[str, list[int]] = defaultdict(list)
    sizes: dict[int, int] = {}
    found = []
    for number, text in enumerate(texts):
        document = plain_shingles(text)
        shared = Counter(survivor for shingle in document for survivor in having.get(shingle, ()))
        alike = (n for n, both in shared.items() if both / (sizes[n] + len(document) - both) >= THRESHOLD)
        found.append(min(alike, default=-1))
        if found[-1] < 0:
            sizes[number] = len(document)
            for shingle in document:
                having[shingle].append(number)
    return found


def plain_shingles(text: str) -> frozenset[str]:
    """The three-word shingles of a made document (lower-case ASCII) as a Python set."""
    words = re.findall(r"\w+", text.casefold())
    return frozenset(" ".join(words[start : start + 3]) for start in range(len(words) - 2))


def similarity(one: frozenset[str], other: frozenset[str]) -> float:
    """Jaccard similarity."""
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared)


def growth(count: int) -> dict[str, float]:
    """Documents per second and peak memory at a size, in this process."""
    path = Ours()
    stream = documents(count)
    while portion := list(islice(stream, PORTION)):
        path.add(portion)
    duplicates = sum(number >= 0 for number in path.find_survivors())
    seconds = path.seconds.total()
    microseconds = {f"{step}_us": round(1e6 * spent / count, 1) for step, spent in path.seconds.items()}
    return {
        "documents_per_s": round(count / seconds),
        "seconds": round(seconds, 2),
        **microseconds,
        "duplicates": duplicates,
        "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
    }


def _compare(texts: Sequence[str], *, times: int) -> tuple[dict[str, float], dict[str, float]]:
    ours(texts[:100])  # libraries and tables load here
    naive(texts[:100])
    paths: dict[str, Callable[[Sequence[str]], list[int]]] = {"ours": ours, "naive": naive}
    seconds: dict[str, list[float]] = {name: [] for name in paths}
    for _ in range(times):
        for name, path in paths.items():
            began = time.process_time()
            path(texts)
            seconds[name].append(time.process_time() - began)
    rates = {name: round(len(texts) / statistics.median(spent)) for name, spent in seconds.items()}
    for name, spent in seconds.items():
        span = f"{len(texts) / max(spent):,.0f} to {len(texts) / min(spent):,.0f}"
        print(f"{name:8} {rates[name]:>8,} documents/s on one core ({span})", flush=True)
    ratio = round(rates["ours"] / rates["naive"], 2)
    print(f"ratio    {ratio}")
    return {"documents_per_s": rates["ours"], "ratio": ratio}, {"naive_documents_per_s": rates["naive"]}


def _right(texts: Sequence[str]) -> dict[str, float]:
    expected, found = brute_force(texts), ours(texts)
    wanted = {number for number, survivor in enumerate(expected) if survivor >= 0}
    got = {number for number, survivor in enumerate(found) if survivor >= 0}
    figures = {
        "recall": round(len(wanted & got) / len(wanted), 5),
        "precision": round(len(wanted & got) / len(got), 5),
        "same_survivor": round(sum(found[n] == expected[n] for n in wanted & got) / len(wanted & got), 5),
    }
    print(f"{len(wanted)} near-duplicates by brute force:", *(f"{key} {value}" for key, value in figures.items()))
    return figures


def _grown(counts: Sequence[int]) -> dict[str, float]:
    figures: dict[str, float] = {}
    for count in counts:
        command = [sys.executable, "-m", "benchmarks.near_duplicates", "--growth", str(count)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"{count} documents: {(done.stderr.strip() or 'killed').splitlines()[-1]}")
        found = json.loads(done.stdout.strip().splitlines()[-1])
        print(f"{count:>9,} documents", *(f"{key} {value}" for key, value in found.items()), flush=True)
        figures |= {f"{key}_{count}": value for key, value in found.items()}
    first, last = counts[0], counts[-1]
    exponent = math.log(figures[f"seconds_{last}"] / figures[f"seconds_{first}"]) / math.log(last / first)
    print(f"time grows as documents to the power of {exponent:.2f}")
    return figures | {"growth_exponent": round(exponent, 3)}


def _one_core() -> None:
    """Pin this process and its children to one core, and the libraries to one thread."""
    import pyarrow as pa

    os.environ |= {"OMP_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1"}
    pa.set_cpu_count(1)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


if __name__ == "__main__":
    main()
