"""The rows of a trajectory as tokens that fit `chat.max_length`: written as they are, cut, or left out with a reason.

Invariant: a row that fits is encoded as it was rendered. A longer one is cut by the agent's setting, from the messages
and never from the tokens; every turn that ends up in no row is named.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from toolft_pipeline.chat.chat_rows import ChatRow, PastedSpans
from toolft_pipeline.chat.formats import get_format
from toolft_pipeline.chat.rendering.conversation import image_hashes
from toolft_pipeline.chat.rendering.image_tokens import ImageTokens
from toolft_pipeline.chat.rendering.rendering import RenderedTurn, Segment, render_turns
from toolft_pipeline.chat.rendering.tokens import NO_LOSS, RowEncoder, TokenRow
from toolft_pipeline.chat.trajectory_rows import called_tools, prompt_messages
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
    """One of its assistant turns decodes to another text (it holds a literal word-border mark, say)."""


@dataclass(frozen=True, kw_only=True)
class EncodedRow:
    """One row as tokens."""

    row: ChatRow
    tokens: TokenRow
    message_indices: tuple[int, ...]
    """Messages of its trained turns."""
    kept: tuple[int, ...] | None = None
    """Indices of the messages that a cut row kept; None for a row with its whole history."""

    @property
    def n_loss_tokens(self) -> int:
        """Tokens that carry loss."""
        return sum(label != NO_LOSS for label in self.tokens.labels)


@dataclass(frozen=True, kw_only=True)
class FitResult:
    """What became of one rendered row."""

    whole: EncodedRow
    drop_reason: DropReason | None = None
    cuts: tuple[EncodedRow, ...] = ()
    lost: tuple[int, ...] = ()
    """Message indices of the turns that are in no row because of the length."""

    @property
    def written(self) -> tuple[EncodedRow, ...]:
        """The rows to train on: the row itself, the rows cut out of it, or none."""
        return (self.whole,) if self.drop_reason is None else self.cuts

    @property
    def lost_loss_tokens(self) -> int:
        """Tokens with loss of the row that are in no written row."""
        return self.whole.n_loss_tokens - sum(row.n_loss_tokens for row in self.written)


class RowFitter:
    """Encodes the rows of one day with one tokenizer and one agent's settings."""

    def __init__(
        self,
        *,
        tokenizer: PreTrainedTokenizerBase,
        chat: ChatSettings,
        tools: list[dict[str, Any]],
        pasted: PastedSpans,
        images: ImageTokens | None = None,
    ) -> None:
        """`tools` and `pasted` are those that the rows were rendered with; `images` is None where they show none."""
        self._chat_format = get_format(chat.format)
        self._tokenizer = tokenizer
        self._encoder = RowEncoder(tokenizer=tokenizer, chat_format=self._chat_format)
        self._chat, self._tools, self._pasted, self._images = chat, tools, pasted, images

    def fit(
        self, trajectory: Trajectory, rows: Sequence[ChatRow], *, without_loss: Collection[int] = ()
    ) -> list[FitResult]:
        """What becomes of each rendered row of a trajectory; `without_loss` are those that it was rendered with."""
        messages = prompt_messages(trajectory, chat=self._chat, pasted=self._pasted) if rows else []
        assistant = [index for index, message in enumerate(messages) if message["role"] == Role.ASSISTANT]
        turns = iter([index for number, index in enumerate(assistant) if number not in without_loss])
        results = []
        for row in rows:
            indices = tuple(next(turns) for segment in row.segments if segment.trained)
            segments = row.segments if self._images is None else self._images.expand_segments(row.segments, row.images)
            whole = EncodedRow(row=row, tokens=self._encoder.encode_row(segments), message_indices=indices)
            results.append(self._fit(whole, messages))
        return results

    def _fit(self, whole: EncodedRow, messages: list[dict[str, Any]]) -> FitResult:
        if not all(self._reversible(segment) for segment in whole.row.segments):
            return FitResult(whole=whole, drop_reason=DropReason.NOT_REVERSIBLE)
        if len(whole.tokens.input_ids) <= self._chat.max_length:
            return FitResult(whole=whole)
        if self._chat.long_rows is LongRows.DROP:
            return FitResult(whole=whole, drop_reason=DropReason.TOO_LONG, lost=whole.message_indices)
        result = cut(
            messages,
            message_indices=whole.message_indices,
            how=self._chat.long_rows,
            limit=self._chat.max_length,
            render=self._render,
            count_tokens=lambda segments: sum(len(self._encoder.encode(segment.text)) for segment in segments),
        )
        cuts = tuple(self._cut_row(whole.row, number, row, messages) for number, row in enumerate(result.rows))
        return FitResult(whole=whole, drop_reason=DropReason.TOO_LONG, cuts=cuts, lost=result.lost)

    def _cut_row(self, whole: ChatRow, number: int, cut_row: CutRow, messages: list[dict[str, Any]]) -> EncodedRow:
        indices = cut_row.row.message_indices
        row = ChatRow(
            row_id=f"{whole.row_id}.{number}",
            trajectory_id=whole.trajectory_id,
            category=whole.category,
            tools=called_tools([messages[index] for index in indices]),
            segments=cut_row.row.segments,
            images=image_hashes(messages[index] for index in cut_row.kept if index < indices[-1]),
        )
        tokens = self._encoder.encode_row(row.segments)
        return EncodedRow(row=row, tokens=tokens, message_indices=indices, kept=cut_row.kept)

    def _render(self, messages: list[dict[str, Any]]) -> list[RenderedTurn]:
        """The turns of a history with expanded images, because rows are cut by their number of tokens."""
        turns = render_turns(
            messages, chat_format=self._chat_format, catalog_mode=self._chat.catalog_mode, tools=self._tools
        )
        if self._images is None:
            return list(turns)
        return [
            replace(turn, prompt=self._images.expand(turn.prompt, image_hashes(messages[: turn.message_index])))
            for turn in turns
        ]

    def _reversible(self, segment: Segment) -> bool:
        if not segment.trained:
            return True
        ids = self._encoder.encode(segment.text)
        return bool(self._tokenizer.decode(ids, clean_up_tokenization_spaces=False) == segment.text)
