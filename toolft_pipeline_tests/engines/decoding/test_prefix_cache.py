"""What the prefix cache finds, what it drops, and that it stays within its bytes."""

from __future__ import annotations

import torch

from toolft_pipeline.engines.decoding.prefix_cache import PrefixCache
from toolft_pipeline.engines.decoding.slot_cache import KeyValues


def made(ids: range | tuple[int, ...]) -> KeyValues:
    """One layer whose keys are the ids, 8 bytes a token with the values."""
    keys = torch.tensor(list(ids), dtype=torch.float32)[None, None, :, None]
    return [(keys, -keys)]


def keys(found: KeyValues) -> list[int]:
    return found[0][0].flatten().int().tolist() if found else []


def test_finds_the_longest_beginning_and_leaves_the_last_token() -> None:
    cache = PrefixCache(10_000)
    cache.keep(tuple(range(30)), made(range(30)))
    cache.keep((*range(20), 99, *range(40)), made((*range(20), 99, *range(40))))
    assert keys(cache.find((*range(25), 7, 7))) == list(range(25))
    assert keys(cache.find((*range(20), 99, 0, 1, 7))) == [*range(20), 99, 0, 1]
    assert keys(cache.find(range(30))) == list(range(29))
    assert cache.find((1, *range(30))) == []
    assert cache.find((*range(15), 77, 78)) == [], "too short to be worth it"


def test_a_longer_turn_replaces_its_beginning() -> None:
    cache = PrefixCache(10_000)
    cache.keep(range(20), made(range(20)))
    cache.keep(range(40), made(range(40)))
    assert cache.n_bytes == 40 * 8


def test_least_recently_used_go_first_and_bytes_are_bounded() -> None:
    cache = PrefixCache(3 * 20 * 8)
    rows = [tuple(range(start, start + 20)) for start in (0, 100, 200, 300)]
    for row in rows[:3]:
        cache.keep(row, made(row))
    assert cache.find((*rows[0], 1))
    cache.keep(rows[3], made(rows[3]))
    assert [bool(cache.find((*row, 1))) for row in rows] == [True, False, True, True]
    assert cache.n_bytes == 3 * 20 * 8
    cache.keep(range(1000, 1100), made(range(1000, 1100)))
    assert not cache.find(range(1000, 1101)), "larger than all of it"
    cache.clear()
    assert (cache.n_bytes, cache.find((*rows[0], 1))) == (0, [])
