"""Which settings a piece of code reads: every attribute of a settings section, and every section that is dumped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pydantic import BaseModel

from toolft_pipeline.settings import AgentSettings

SECTION = next(each for each in AgentSettings.__mro__[1:] if issubclass(each, BaseModel))
"""The class that all sections derive from."""


@contextmanager
def recorded_settings() -> Iterator[set[str]]:
    """Collect `Section.field` of each setting that is read while this is open."""
    read: set[str] = set()
    plain_get, plain_dump = SECTION.__getattribute__, SECTION.model_dump

    def note(section: BaseModel, name: str, value: Any) -> None:
        if not isinstance(value, SECTION):
            read.add(f"{type(section).__name__}.{name}")

    def get(section: BaseModel, name: str) -> Any:
        value = plain_get(section, name)
        if name in type(section).model_fields:
            note(section, name, value)
        return value

    def dump(section: BaseModel, **options: Any) -> dict[str, Any]:
        everything(section, only=options.get("include"), but=options.get("exclude") or ())
        return plain_dump(section, **options)

    def everything(section: BaseModel, *, only: Any = None, but: Any = ()) -> None:
        for name in type(section).model_fields:
            if name not in but and (only is None or name in only):
                value = section.__dict__[name]
                note(section, name, value)
                inner = value.values() if isinstance(value, Mapping) else [value]
                for each in inner:
                    if isinstance(each, SECTION):
                        everything(each)

    SECTION.__getattribute__, SECTION.model_dump = get, dump  # type: ignore[method-assign,assignment]
    try:
        yield read
    finally:
        SECTION.__getattribute__, SECTION.model_dump = plain_get, plain_dump  # type: ignore[method-assign]
