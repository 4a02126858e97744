"""A chat row as Markdown, each segment labelled as trained or masked.

Invariant: the segments joined are the row, character for character; a fence is longer than any run of backticks inside
it, so no content can end it.
"""

from __future__ import annotations

import re

from toolft_pipeline.chat.chat_rows import ChatRow


def row_markdown(row: ChatRow) -> str:
    """The row's segments as fenced blocks, each under its label."""
    blocks = [f"`{row.row_id}`"]
    for segment in row.segments:
        label = "**trained** (loss)" if segment.trained else "masked (no loss)"
        fence = "`" * (1 + max((len(run) for run in re.findall("`+", segment.text)), default=2))
        blocks.append(f"{label}\n{fence}text\n{segment.text}\n{fence}")
    return "\n\n".join(blocks)
