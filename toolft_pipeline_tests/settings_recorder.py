"""Which settings a piece of code reads: every attribute of a settings section, and every section that is dumped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import UnionType
from typing import Any, Union, get_args, get_origin

from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.settings.section import Section


def _sections(section: type[Section], key: str) -> Iterator[tuple[type[Section], str]]:
    yield section, key
    for name, field in section.model_fields.items():
        optional = get_args(field.annotation) if get_origin(field.annotation) in {Union, UnionType} else ()
        for kind in (field.annotation, *optional):
            if isinstance(kind, type) and issubclass(kind, Section):
                yield from _sections(kind, f"{key}{name}.")


KEYS = dict(_sections(AgentSettings, ""))
"""The dotted prefix of each section that stands at one place of an agent file."""

LEAVES = frozenset(
    f"{prefix}{name}"
    for section, prefix in KEYS.items()
    for name in section.model_fields
    if f"{prefix}{name}." not in KEYS.values()
)
"""The dotted keys of all settings that are no sections."""


@contextmanager
def recorded_settings() -> Iterator[set[str]]:
    """Collect the dotted key of each setting that is read while this is open."""
    read: set[str] = set()
    plain_get, plain_dump = Section.__getattribute__, Section.model_dump

    def note(section: Section, name: str) -> None:
        key = f"{KEYS.get(type(section), '?')}{name}"
        if key in LEAVES:
            read.add(key)

    def get(section: Section, name: str) -> Any:
        value = plain_get(section, name)
        if name in type(section).model_fields:
            note(section, name)
        return value

    def dump(section: Section, **options: Any) -> dict[str, Any]:
        everything(section, only=options.get("include"), but=options.get("exclude") or ())
        return plain_dump(section, **options)

    def everything(section: Section, *, only: Any = None, but: Any = ()) -> None:
        for name, value in section.__dict__.items():
            if name not in but and (only is None or name in only):
                note(section, name)
                if isinstance(value, Section):
                    everything(value)

    Section.__getattribute__, Section.model_dump = get, dump  # type: ignore[method-assign,assignment]
    try:
        yield read
    finally:
        Section.__getattribute__, Section.model_dump = plain_get, plain_dump  # type: ignore[method-assign]
