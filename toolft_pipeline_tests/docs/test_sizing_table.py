"""The table of docs/sizing.md is what the tool computes today."""

from __future__ import annotations

from docs.sizing_table import PAGE, page


def test_committed_table_is_what_the_tool_computes() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text == page(text), "docs/sizing.md is stale: `python -m docs.sizing_table` writes its table again"
