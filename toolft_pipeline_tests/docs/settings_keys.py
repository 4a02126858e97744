"""Keys of an agent file as pages write them, looked up in the settings themselves."""

from __future__ import annotations

from typing import Any, get_args

from pydantic import BaseModel, TypeAdapter

from toolft_pipeline.settings import AgentSettings


def unknown_key(key: str) -> bool:
    """Whether a dotted key is none of the agent file's; a key below a free mapping counts as known."""
    model: type[BaseModel] | None = AgentSettings
    for name in key.split("."):
        if model is None or name not in model.model_fields:
            return model is not None
        model = _section_in(model.model_fields[name].annotation)
    return False


def is_section(name: str) -> bool:
    """Whether a word is a section of the agent file."""
    found = AgentSettings.model_fields.get(name)
    return found is not None and _section_in(found.annotation) is not None


def checked_part(values: dict[str, Any]) -> None:
    """Validate a part of an agent file. Raises `KeyError` or `pydantic.ValidationError`."""
    for name, value in values.items():
        field = AgentSettings.model_fields[name]
        TypeAdapter(field.annotation).validate_python(value)


def _section_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if getattr(annotation, "__origin__", None) in (dict, tuple):
        return None
    return next((found for each in get_args(annotation) if (found := _section_in(each)) is not None), None)
