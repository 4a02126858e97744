"""A training row as the report shows it: from the line of the log to the tokens with loss."""

from __future__ import annotations

from dataclasses import dataclass

from toolft_pipeline.chat.rendering.rendering import Segment


@dataclass(frozen=True, kw_only=True)
class TrainingExample:
    """A row that the model was trained on.

    `segments` joined are the row; the text before a trained piece is the prompt that a server builds there.
    """

    category: str
    row_id: str
    trajectory_id: str
    day: str
    file: str
    line: int
    segments: tuple[Segment, ...]
