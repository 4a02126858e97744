"""docs/settings.md says what the settings say."""

from __future__ import annotations

from pydantic import BaseModel

from docs.settings_reference import NOT_WRITTEN, PAGE, is_section, reference
from toolft_pipeline import settings

SECTIONS = [
    each
    for name in settings.__all__
    if isinstance(each := getattr(settings, name), type) and issubclass(each, BaseModel)
]
PLAIN = [
    (section.__name__, name, field)
    for section in SECTIONS
    for name, field in section.model_fields.items()
    if not is_section(field) and name not in NOT_WRITTEN
]


def test_committed_page_is_what_the_docstrings_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), "docs/settings.md is stale: `make docs` writes it again"


def test_every_setting_has_a_docstring() -> None:
    assert [f"{section}.{name}" for section, name, field in PLAIN if not field.description] == []


def test_every_setting_has_a_row() -> None:
    page = reference()
    assert [f"{section}.{name}" for section, name, _ in PLAIN if f"\n| `{name}` |" not in page] == []
