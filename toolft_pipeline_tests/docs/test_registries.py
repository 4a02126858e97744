"""What is registered in the code is explained in the page of its kind."""

from __future__ import annotations

import pytest

from toolft_pipeline.chat.formats import FORMATS
from toolft_pipeline.ingest.formats import FORMATS as LOG_FORMATS
from toolft_pipeline.stages.stages import STAGES
from toolft_pipeline.verification.rules.verdict import Rule
from toolft_pipeline_tests.conftest import REPOSITORY
from toolft_pipeline_tests.docs.commands import make_targets, subcommands
from toolft_pipeline_tests.docs.pages import PAGES, text_of

REGISTERED = {
    "log_formats.md": [*LOG_FORMATS],
    "chat_formats.md": [*FORMATS],
    "verification.md": [rule.value for rule in Rule],
    "glossary.md": [stage.asset for stage in STAGES],
}


@pytest.mark.parametrize("page", REGISTERED)
def test_page_has_a_row_for_each_entry(page: str) -> None:
    text = text_of(REPOSITORY / "docs" / page)
    assert [name for name in REGISTERED[page] if f"\n| `{name}` |" not in text] == []


def test_proofs_and_other_checks_are_explained() -> None:
    pages = "".join(map(text_of, PAGES))
    assert [check.name for stage in STAGES for check in stage.checks if f"`{check.name}`" not in pages] == []


def test_every_command_and_make_target_is_explained() -> None:
    pages = " ".join(" ".join(map(text_of, PAGES)).split())
    commands = [f"toolft {name}" for name in subcommands()] + [f"make {target}" for target in sorted(make_targets())]
    assert [command for command in commands if command not in pages] == []
