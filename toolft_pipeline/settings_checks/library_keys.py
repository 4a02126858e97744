"""Checks of `training.peft` and `training.sft`: names, types, and settings that toolft sets itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from toolft_pipeline.settings import TrainingSettings
from toolft_pipeline.settings_checks.library_fields import LibraryField, library_fields
from toolft_pipeline.settings_checks.problem import Problem, did_you_mean, quoted
from toolft_pipeline.training.lora.owned_keys import OWNED_PEFT, OWNED_SFT, refused_peft


def library_key_problems(training: TrainingSettings) -> Iterator[Problem]:
    """Settings that PEFT or TRL would refuse when training starts, and settings that toolft must set itself."""
    yield from _problems("training.peft", training.peft, library="peft.LoraConfig", owned=OWNED_PEFT)
    for name, reason in refused_peft(training.peft):
        if name not in OWNED_PEFT:  # the key may be set, to another value
            yield Problem(key=f"training.peft.{name}", message=f"cannot be set here; {reason}")
    yield from _problems("training.sft", training.sft, library="trl.SFTConfig", owned=OWNED_SFT)


def _problems(section: str, given: Mapping[str, Any], *, library: str, owned: Mapping[str, str]) -> Iterator[Problem]:
    fields = library_fields(library) if given else None
    for name, value in given.items():
        key = f"{section}.{name}"
        if name in owned:
            yield Problem(key=key, message=f"cannot be set here; {owned[name]}")
        elif fields is not None and name not in fields:
            near = did_you_mean(name, [each for each in fields if each not in owned])
            yield Problem(key=key, message=f"{library} has no such setting{near or '; use its own names'}")
        elif fields is not None and (message := _wrong_value(value, fields[name])):
            yield Problem(key=key, message=message)


def _wrong_value(value: object, field: LibraryField) -> str | None:
    if field.types is not None and not any(_fits(value, each) for each in field.types):
        number = _number(value) if isinstance(value, str) and {int, float} & set(field.types) else None
        hint = f"; YAML reads this as text, write {number!r}" if number is not None else ""
        return f"expected {field.annotation}, got {quoted(value)}{hint}"
    if isinstance(value, str) and field.choices and value not in field.choices:
        near = did_you_mean(value, field.choices)
        return f"expected one of {', '.join(field.choices)}, got {quoted(value)}{near}"
    return None


def _fits(value: object, kind: type) -> bool:
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
