"""The mark of an assistant turn that is shown as context and not learned: `weight: 0` or `train: false`.

Invariant: a mark is read as it was meant, or the run is refused; no mark is dropped silently. `weight` is the key of
OpenAI's fine-tuning files, where 0 and 1 are its only values. Turns of other roles never carry loss: their marks mean
nothing and are not read.
"""

from __future__ import annotations

from msgspec import Raw, Struct

from toolft_pipeline.ingest.parsing.nested_json import NULL
from toolft_pipeline.ingest.parsing.rejects import UnsupportedError
from toolft_pipeline.trajectories.record import Role

_WEIGHTS = {b"0": False, b"0.0": False, b"1": True, b"1.0": True}
_FLAGS = {b"false": False, b"true": True}


class LossMark(Struct, gc=False):
    """The mark in an object of its own, for formats whose messages may have no further keys."""

    weight: Raw = NULL
    train: Raw = NULL


def is_trained(role: Role, *marks: LossMark, place: int | None = None) -> bool:
    """Whether a turn with these marks carries loss; `place` is its index, if known. Raises `UnsupportedError`."""
    if role is not Role.ASSISTANT:
        return True
    turn = "an assistant message" if place is None else f"message {place}"
    said = set()
    for mark in marks:
        for key, value, known, values in (
            ("weight", mark.weight, _WEIGHTS, "0 (context without loss) or 1"),
            ("train", mark.train, _FLAGS, "false (context without loss) or true"),
        ):
            raw = bytes(value)
            if raw == b"null":
                continue
            if raw not in known:
                raise UnsupportedError(f"{turn} has a `{key}` that is not {values}; write one of the two")
            said.add(known[raw])
    if len(said) > 1:
        raise UnsupportedError(f"{turn} has marks that contradict each other (`weight`, `train`); keep one of them")
    return said != {False}


def refuse_mark(role: Role, mark: LossMark) -> None:
    """Raise `UnsupportedError` for a turn marked as context in a format that repeats each turn in later requests."""
    if not is_trained(role, mark):
        raise UnsupportedError(
            "a message in a trace is marked as context (`weight: 0` or `train: false`), which traces cannot carry; "
            "log such runs as OpenAI messages, one run a line"
        )
