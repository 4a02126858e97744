"""Values of a request with their place in it, for errors that name it: messages[3].tool_calls[0].function.name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from toolft_pipeline.serving.api.errors import RequestError

_KINDS = {dict: "an object", list: "a list", str: "text", bool: "true or false", int: "a whole number"}


@dataclass(frozen=True)
class Placed:
    """A decoded JSON value and where it stands."""

    value: Any
    place: str

    def __getitem__(self, key: str) -> Placed:
        """The value of a key of an object; null where it is missing."""
        return Placed(self.value.get(key), f"{self.place}.{key}" if self.place else key)

    def items(self) -> Iterator[Placed]:
        """The items of a list. Raises `RequestError`."""
        for index, item in enumerate(self.expect(list)):
            yield Placed(item, f"{self.place}[{index}]")

    def sent(self) -> Iterator[Placed]:
        """The values of an object's keys, without nulls: a null stands for a key that was not sent."""
        return (self[key] for key, value in self.value.items() if value is not None)

    def expect(self, kind: type) -> Any:
        """The value, if it is of this kind. Raises `RequestError`."""
        if type(self.value) is not kind:
            raise self.error(f"must be {_KINDS[kind]}, found {_named(self.value)}")
        return self.value

    def error(self, problem: str, *, code: str | None = None) -> RequestError:
        """The error that this value is refused with."""
        return RequestError(self.place, problem, code=code)


def _named(value: Any) -> str:
    return "null" if value is None else _KINDS.get(type(value), "a number")
