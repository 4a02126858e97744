"""The base class of all sections: unknown keys are errors, values never change."""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel, ConfigDict


class UndeclaredSettingError(AttributeError):
    """Code reads a setting that the stage which runs it does not declare: a fault of the code, not of a file."""


class Section(BaseModel):
    """One section of an agent file. A slice of it (`stages/spec/settings_slice.py`) lacks the fields that a stage does
    not declare: reading one raises `UndeclaredSettingError`."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    def __getattr__(self, name: str) -> Any:
        if name in type(self).model_fields:
            raise UndeclaredSettingError(
                f"{type(self).__name__}.{name} is read, but the stage that runs does not declare it; "
                "add it to `settings` or `placement` of the stage's declaration"
            )
        return super().__getattr__(name)  # type: ignore[misc] # pydantic defines it outside of type checking


def regular_expressions(value: tuple[str, ...]) -> tuple[str, ...]:
    for pattern in value:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"{pattern!r} is not a valid regular expression ({error})") from error
    return value
