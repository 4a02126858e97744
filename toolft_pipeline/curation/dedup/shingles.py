"""Shingle sets of texts as sorted arrays of hashes, computed for a batch of texts at once.

Invariant: equal words get equal hashes, whatever their context and batch. Texts with the same three-word shingles get
the same array; different shingles collide by chance only (63 bits: one pair of texts of 450 words in 4e13).

No Python object is created for a word or a shingle: a batch is one buffer of characters, and each step is one pass.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

GRAM = 3
"""Words of a shingle: short templated requests with different entities still share few shingles."""

_WORD = re.compile(r"\w+")
_BATCH_CHARACTERS = 1 << 17
"""Characters of one pass: the 64-bit arrays over their words fit the CPU cache."""

_LONG_WORD = 4096
"""A longer word is hashed separately, because each eight bytes of the longest word cost a pass."""

_FIRST_BYTES = np.array([(1 << 8 * count) - 1 for count in range(9)], np.uint64)
"""Masks that keep the first n of eight bytes."""
_WEIGHTS = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB, 0xD6E8FEB86659FD93)
"""Odd constants: splitmix64's two, and one more for the third word of a shingle."""

Hashes = NDArray[np.uint64]


@dataclass(frozen=True, kw_only=True)
class Sets:
    """Concatenated sets of hashes: set `n` is `values[offsets[n]:offsets[n + 1]]`, sorted and unique."""

    values: Hashes
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, number: int) -> Hashes:
        return self.values[self.offsets[number] : self.offsets[number + 1]]

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Members of each set."""
        return np.diff(self.offsets)


def normalized(text: str) -> str:
    """A text without differences in case, punctuation and whitespace (NFKC, casefold, words, single spaces)."""
    return " ".join(_WORD.findall(_folded(text)))


def shingle_sets(texts: Iterable[str]) -> Sets:
    """The three-word shingles of each text; a shorter text is one shingle, a text without words the empty set."""
    values, counts = [np.empty(0, np.uint64)], [np.empty(0, np.int64)]
    for batch in _batches(map(_folded, texts)):
        hashes, sizes = _grams(*_words(batch))
        hashes, sizes = _distinct(hashes, sizes)
        values.append(hashes)
        counts.append(sizes)
    return Sets(values=np.concatenate(values), offsets=offsets_of(np.concatenate(counts)))


def offsets_of(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Offsets of concatenated pieces of these sizes, the end of the last included."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])


def sort_unique(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sorted (in place) and unique numbers: sixteen times as fast as `numpy.unique`, which hashes them."""
    numbers.sort()
    keep = np.ones(len(numbers), np.bool_)
    keep[1:] = numbers[1:] != numbers[:-1]
    return numbers[keep]


def mix(hashes: Hashes) -> Hashes:
    """splitmix64's finalizer (Steele, Lea, Flood 2014): every input bit affects every output bit."""
    hashes = (hashes ^ (hashes >> np.uint64(30))) * np.uint64(_WEIGHTS[0])
    hashes = (hashes ^ (hashes >> np.uint64(27))) * np.uint64(_WEIGHTS[1])
    return hashes ^ (hashes >> np.uint64(31))


def _folded(text: str) -> str:
    """NFKC and casefold; for ASCII only the case changes."""
    return text.casefold() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    characters = 0
    for text in texts:
        batch.append(text)
        characters += len(text) + 1
        if characters > _BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def _words(texts: Sequence[str]) -> tuple[Hashes, NDArray[np.int64]]:
    """The hash of each word of the texts, and how many words each text has."""
    text = "\n".join(texts) + "\n"
    data = text.encode("utf-8", "surrogatepass")
    lengths = np.fromiter(map(len, texts), np.int64, len(texts)) + 1
    edges, ends = _word_edges(text, data), offsets_of(lengths)
    counts = np.diff(np.searchsorted(edges[::2], ends))
    if len(data) > len(text):
        edges = _byte_places(text)[edges]
    return _word_hashes(data, edges[::2], edges[1::2] - edges[::2]), counts


def _word_edges(text: str, data: bytes) -> NDArray[np.int64]:
    """Character offsets where words begin and end, alternating. The text must end in a non-word character."""
    if len(data) == len(text):
        inside = np.frombuffer(data.translate(_ascii_word_table()), np.bool_)
    else:
        inside = _word_table()[_code_points(text)]
    edges = np.flatnonzero(inside[1:] != inside[:-1]) + 1
    return np.concatenate([np.zeros(1, np.int64), edges]) if inside[0] else edges


def _word_hashes(data: bytes, starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> Hashes:
    """A hash of each word's bytes: eight bytes at a time are added to the hash, then mixed."""
    eights: Hashes = np.ndarray(len(data), "<u8", data + bytes(8), strides=(1,))  # the eight bytes from each offset on
    hashes = mix(eights[starts] & _FIRST_BYTES[np.minimum(lengths, 8)])
    longer = np.flatnonzero((lengths > 8) & (lengths <= _LONG_WORD))
    done = 8
    while len(longer):
        part = eights[starts[longer] + done] & _FIRST_BYTES[np.minimum(lengths[longer] - done, 8)]
        hashes[longer] = mix(hashes[longer] + part)
        done += 8
        longer = longer[lengths[longer] > done]
    for word in np.flatnonzero(lengths > _LONG_WORD).tolist():
        content = data[starts[word] : starts[word] + lengths[word]]
        hashes[word] = int.from_bytes(blake2b(content, digest_size=8).digest(), "little")
    return hashes


@cache
def _word_table() -> NDArray[np.bool_]:
    """Whether `\\w` matches each code point; 1.1 MB, built in 0.1 s on first use."""
    table = np.zeros(0x110000, np.bool_)
    for word in _WORD.finditer("".join(map(chr, range(0x110000)))):
        table[word.start() : word.end()] = True
    return table


@cache
def _ascii_word_table() -> bytes:
    return bytes(_WORD.match(chr(code)) is not None for code in range(256))


def _code_points(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")


def _byte_places(text: str) -> NDArray[np.int64]:
    """Byte offsets of characters in UTF-8."""
    points = _code_points(text)
    widths = 1 + (points >= 0x80) + (points >= 0x800) + (points >= 0x10000).astype(np.int64)
    return offsets_of(widths)


def _grams(words: Hashes, counts: NDArray[np.int64]) -> tuple[Hashes, NDArray[np.int64]]:
    """Hashes of every three consecutive words of each text, and their counts; shorter texts have one gram."""
    first, second, third = (np.uint64(weight) for weight in _WEIGHTS)
    padded: Hashes = np.concatenate([words, np.zeros(GRAM - 1, np.uint64)])
    grams: Hashes = padded[:-2] * first + padded[1:-1] * second + padded[2:] * third
    ends = np.cumsum(counts)
    one, two = ends[counts == 1] - 1, ends[counts == 2] - 2
    grams[one] = words[one] * first
    grams[two] = words[two] * first + words[two + 1] * second
    keep = np.ones(len(words), np.bool_)
    keep[ends[counts >= 2] - 1] = False
    keep[ends[counts >= GRAM] - 2] = False
    sizes = np.where(counts >= GRAM, counts - (GRAM - 1), np.minimum(counts, 1))
    return mix(grams[keep]) >> np.uint64(1), sizes


def _distinct(hashes: Hashes, sizes: NDArray[np.int64]) -> tuple[Hashes, NDArray[np.int64]]:
    """Sort each set (in place) and remove repeats."""
    offsets = offsets_of(sizes)
    for start, end in pairwise(offsets.tolist()):
        hashes[start:end].sort()
    keep = np.ones(len(hashes), np.bool_)
    keep[1:] = hashes[1:] != hashes[:-1]
    keep[offsets[:-1][sizes > 0]] = True
    return hashes[keep], np.diff(offsets_of(keep.astype(np.int64))[offsets])
