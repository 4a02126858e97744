"""The rows of a run as tokens: what is written, what is cut to fit, what is left out and why.

Invariant: a row that fits is encoded as it was rendered and nothing else happens to it. A longer one is cut by the
agent's setting, from the run's own messages and never from its tokens; whatever of its turns ends in no row is named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from toolft_pipeline.chat.chat_rows import ChatRow, PastedSpans, called_tools, prompt_messages
from toolft_pipeline.chat.formats import get_format
from toolft_pipeline.chat.rendering.conversation import image_hashes
from toolft_pipeline.chat.rendering.image_tokens import ImageTokens
from toolft_pipeline.chat.rendering.rendering import RenderedTurn, Segment, render_turns
from toolft_pipeline.chat.rendering.tokens import NO_LOSS, RowEncoder, TokenRow
from toolft_pipeline.chat.truncation.truncate import CutRow, cut
from toolft_pipeline.settings import ChatSettings, LongRows
from toolft_pipeline.trajectories.record import Role, Trajectory

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class DropReason(StrEnum):
    """Why a row is not written as it was rendered."""

    TOO_LONG = "too_long"
    """It has more than `chat.max_length` tokens; rows may have been cut out of it."""
    NOT_REVERSIBLE = "not_reversible"
    """The tokenizer does not give back one of its assistant turns (a literal word-border mark, say)."""


@dataclass(frozen=True, kw_only=True)
class EncodedRow:
    """One row as tokens. `kept` are the places of its messages where it was cut, `message_indices` those of its turns."""

    row: ChatRow
    tokens: TokenRow
    message_indices: tuple[int, ...]
    kept: tuple[int, ...] | None = None
    images: tuple[str, ...] = ()
    """Hashes of the images that its tokens show, in order."""

    @property
    def n_loss_tokens(self) -> int:
        """Tokens that carry loss."""
        return sum(label != NO_LOSS for label in self.tokens.labels)


@dataclass(frozen=True, kw_only=True)
class FitResult:
    """What became of one rendered row: `written` is the row itself, or the rows cut out of it, or nothing."""

    whole: EncodedRow
    left_out: DropReason | None = None
    cuts: tuple[EncodedRow, ...] = ()
    lost: tuple[int, ...] = ()
    """Places of the turns that stand in no row because of the length."""

    @property
    def written(self) -> tuple[EncodedRow, ...]:
        """The rows to train on."""
        return (self.whole,) if self.left_out is None else self.cuts

    @property
    def lost_loss_tokens(self) -> int:
        """Tokens with loss of the row that stand in no row that is written."""
        return self.whole.n_loss_tokens - sum(row.n_loss_tokens for row in self.written)


class RowFitter:
    """Encodes the rows of one day, by one tokenizer and one agent's settings."""

    def __init__(
        self,
        *,
        tokenizer: PreTrainedTokenizerBase,
        chat: ChatSettings,
        tools: list[dict[str, Any]],
        pasted: PastedSpans,
        images: ImageTokens | None = None,
    ) -> None:
        """`tools` and `pasted` are what the rows were rendered with; `images` is None where they show none."""
        self._chat_format = get_format(chat.format)
        self._tokenizer = tokenizer
        self._encoder = RowEncoder(tokenizer=tokenizer, chat_format=self._chat_format)
        self._chat, self._tools, self._pasted, self._images = chat, tools, pasted, images

    def fit(self, trajectory: Trajectory, rows: Sequence[ChatRow]) -> list[FitResult]:
        """What becomes of each rendered row of a run."""
        messages = prompt_messages(trajectory, chat=self._chat, pasted=self._pasted) if rows else []
        turns = iter(
            [message_index for message_index, message in enumerate(messages) if message["role"] == Role.ASSISTANT]
        )
        fitted = []
        for row in rows:
            message_indices = tuple(next(turns) for segment in row.segments if segment.trained)
            segments = row.segments if self._images is None else self._images.expand_segments(row.segments, row.images)
            tokens = self._encoder.encode_row(segments)
            whole = EncodedRow(row=row, tokens=tokens, message_indices=message_indices, images=row.images)
            fitted.append(self._fit(whole, messages))
        return fitted

    def _fit(self, whole: EncodedRow, messages: list[dict[str, Any]]) -> FitResult:
        if not all(self._reversible(segment) for segment in whole.row.segments):
            return FitResult(whole=whole, left_out=DropReason.NOT_REVERSIBLE)
        if len(whole.tokens.input_ids) <= self._chat.max_length:
            return FitResult(whole=whole)
        if self._chat.long_rows is LongRows.DROP:
            return FitResult(whole=whole, left_out=DropReason.TOO_LONG, lost=whole.message_indices)
        made = cut(
            messages,
            message_indices=whole.message_indices,
            how=self._chat.long_rows,
            limit=self._chat.max_length,
            render=self._render,
            measure=lambda segments: sum(len(self._encoder.encode(segment.text)) for segment in segments),
        )
        cuts = tuple(self._cut_row(whole.row, number, row, messages) for number, row in enumerate(made.rows))
        return FitResult(whole=whole, left_out=DropReason.TOO_LONG, cuts=cuts, lost=made.lost)

    def _cut_row(self, whole: ChatRow, number: int, made: CutRow, messages: list[dict[str, Any]]) -> EncodedRow:
        row = ChatRow(
            row_id=f"{whole.row_id}.{number}",
            trajectory_id=whole.trajectory_id,
            category=whole.category,
            tools=called_tools([messages[message_index] for message_index in made.row.message_indices]),
            segments=made.row.segments,
            images=image_hashes(
                messages[message_index] for message_index in made.kept if message_index < made.row.message_indices[-1]
            ),
        )
        tokens = self._encoder.encode_row(row.segments)
        return EncodedRow(
            row=row, tokens=tokens, message_indices=made.row.message_indices, kept=made.kept, images=row.images
        )

    def _render(self, messages: list[dict[str, Any]]) -> list[RenderedTurn]:
        """The turns of a history, its images as wide as they are: what is cut is measured in tokens."""
        turns = render_turns(
            messages, chat_format=self._chat_format, catalog_mode=self._chat.catalog_mode, tools=self._tools
        )
        if self._images is None:
            return list(turns)
        return [
            replace(turn, prompt=self._images.widened(turn.prompt, image_hashes(messages[: turn.message_index])))
            for turn in turns
        ]

    def _reversible(self, segment: Segment) -> bool:
        if not segment.trained:
            return True
        ids = self._encoder.encode(segment.text)
        return bool(self._tokenizer.decode(ids, clean_up_tokenization_spaces=False) == segment.text)
