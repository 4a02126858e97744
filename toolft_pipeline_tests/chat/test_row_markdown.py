from __future__ import annotations

import re

from toolft_pipeline.chat.chat_rows import ChatRow
from toolft_pipeline.chat.rendering.rendering import Segment
from toolft_pipeline.chat.row_markdown import row_markdown


def test_row_markdown_labels_segments_and_loses_no_character() -> None:
    segments = (
        Segment(text="<user>say ```` and *stars*\n", trained=False),
        Segment(text="```code```<end>", trained=True),
    )
    shown = row_markdown(ChatRow(row_id="a#0", trajectory_id="a", category="no_tool", tools=(), segments=segments))
    assert shown.startswith("`a#0`\n\nmasked (no loss)\n`````text\n<user>say ````")
    blocks = re.findall(r"^(\*\*trained\*\*|masked)[^\n]*\n(`{3,})text\n(.*?)\n\2$", shown, flags=re.M | re.S)
    assert [(label == "**trained**", text) for label, _, text in blocks] == [(p.trained, p.text) for p in segments]
