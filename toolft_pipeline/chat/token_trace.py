"""The rows of one run, token by token: what carries loss, which message it is, what a server would have sent before.

Invariant: what is shown are the stored ids and labels, not what they should be. The prompt of a server is built anew,
from the run's messages and the saved tokenizer, and compared with the tokens before the turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from toolft_pipeline.chat.chat_rows import ChatRow, PastedSpans, prompt_messages
from toolft_pipeline.chat.fitting import DropReason, EncodedRow, FitResult, RowFitter
from toolft_pipeline.chat.rendering.conversation import image_hashes
from toolft_pipeline.chat.rendering.image_tokens import ImageTokens
from toolft_pipeline.chat.rendering.serving import ServingPrompt, serving_prompt
from toolft_pipeline.chat.rendering.tokens import NO_LOSS, TokenRow
from toolft_pipeline.settings import ChatSettings
from toolft_pipeline.trajectories.record import Role, Trajectory

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True, kw_only=True)
class TracedSpan:
    """Tokens [start, end) of a row that all carry loss, or none of them. A trained span is one assistant turn:
    `message` is its place in the run's record, `prompt` what a server would send before it, and `as_served` whether
    the row's tokens before it are that prompt's."""

    start: int
    end: int
    trained: bool
    text: str
    message: int | None = None
    prompt: str | None = None
    prompt_tokens: int | None = None
    as_served: bool | None = None


@dataclass(frozen=True, kw_only=True)
class TracedRow:
    """One row. `note` says why a row is not trained on, or that the stored row is not what would be made now."""

    row_id: str
    trained: bool
    n_tokens: int
    n_loss_tokens: int
    note: str | None
    spans: tuple[TracedSpan, ...]


class RowTracer:
    """Explains the rows of one day; the parts are those that the day's versions were made with."""

    def __init__(
        self,
        *,
        tokenizer: PreTrainedTokenizerBase,
        chat: ChatSettings,
        tools: list[dict[str, Any]],
        pasted: PastedSpans,
        images: ImageTokens | None = None,
    ) -> None:
        self._fitter = RowFitter(tokenizer=tokenizer, chat=chat, tools=tools, pasted=pasted, images=images)
        self._images = images
        self._tokenizer, self._chat, self._tools, self._pasted = tokenizer, chat, tools, pasted

    def rows(
        self, trajectory: Trajectory, rows: Sequence[ChatRow], *, stored: Mapping[str, TokenRow]
    ) -> list[TracedRow]:
        """The rows that a run became. `stored` are those of the version in force, by row id."""
        messages = prompt_messages(trajectory, chat=self._chat, pasted=self._pasted)
        recorded = _assistant_places([message.role for message in trajectory.messages])
        ordinal = {
            message_index: number
            for number, message_index in enumerate(_assistant_places([m["role"] for m in messages]))
        }
        explained = []
        for fitted in self._fitter.fit(trajectory, rows):
            for row in fitted.written or (fitted.whole,):
                tokens = stored.get(row.row.row_id)
                spans = self._spans(
                    row, tokens or row.tokens, messages, lambda message_index: recorded[ordinal[message_index]]
                )
                explained.append(
                    TracedRow(
                        row_id=row.row.row_id,
                        trained=tokens is not None,
                        n_tokens=spans[-1].end,
                        n_loss_tokens=sum(span.end - span.start for span in spans if span.trained),
                        note=_note(fitted, row, tokens, self._chat),
                        spans=spans,
                    )
                )
        return explained

    def _spans(
        self, row: EncodedRow, tokens: TokenRow, messages: list[dict[str, Any]], recorded: Callable[[int], int]
    ) -> tuple[TracedSpan, ...]:
        message_indices = iter(row.message_indices)
        kept = range(len(messages)) if row.kept is None else row.kept
        spans = []
        for start, end, trained in _stretches(tokens.labels):
            ids = tokens.input_ids[start:end]
            text = self._tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
            message_index = next(message_indices, None) if trained else None
            if message_index is None:
                spans.append(TracedSpan(start=start, end=end, trained=trained, text=str(text)))
                continue
            history = [messages[at] for at in kept if at < message_index]
            prompt = self._served(history)
            spans.append(
                TracedSpan(
                    start=start,
                    end=end,
                    trained=True,
                    text=str(text),
                    message=recorded(message_index),
                    prompt=prompt.text,
                    prompt_tokens=len(prompt.ids),
                    as_served=prompt.ids == tokens.input_ids[:start],
                )
            )
        return tuple(spans)

    def _served(self, history: list[dict[str, Any]]) -> ServingPrompt:
        """A server's prompt; its images stand in the text as the template writes them, and in the ids as wide as they
        are."""
        prompt = serving_prompt(history, tokenizer=self._tokenizer, tools=self._tools or None)
        images = image_hashes(history)
        if self._images is None or not images:
            return prompt
        text = self._images.widened(prompt.text, images)
        return prompt._replace(ids=self._tokenizer(text, add_special_tokens=False)["input_ids"])


def stored_rows(path: Path, *, trajectory_id: str) -> dict[str, TokenRow]:
    """The rows of one run in a tensors.parquet, by row id."""
    found = {}
    with pq.ParquetFile(path) as parquet:
        for batch in parquet.iter_batches(columns=["row_id", "trajectory_id", "input_ids", "labels"]):
            for row in batch.filter(pc.equal(batch["trajectory_id"], trajectory_id)).to_pylist():
                found[row["row_id"]] = TokenRow(input_ids=row["input_ids"], labels=row["labels"])
    return found


def _note(fitted: FitResult, row: EncodedRow, stored: TokenRow | None, chat: ChatSettings) -> str | None:
    if not fitted.written:
        if fitted.left_out is DropReason.TOO_LONG:
            return f"left out: {len(row.tokens.input_ids)} tokens, chat.max_length is {chat.max_length}"
        return "left out: the tokenizer does not give back one of its assistant turns"
    if stored is None:
        return "not in the version in force: the code has changed since; run the pipeline again"
    if stored != row.tokens:
        return "not what would be made now: the code has changed since; run the pipeline again"
    if fitted.left_out is None:
        return None
    lost = f", and {len(fitted.lost)} of its turns are trained nowhere" if fitted.lost else ""
    return f"cut out of a row of {len(fitted.whole.tokens.input_ids)} tokens{lost}"


def _stretches(labels: Sequence[int]) -> Iterator[tuple[int, int, bool]]:
    start = 0
    for trained, run in groupby(labels, key=lambda label: label != NO_LOSS):
        end = start + sum(1 for _ in run)
        yield start, end, trained
        start = end


def _assistant_places(roles: Sequence[str]) -> list[int]:
    return [message_index for message_index, role in enumerate(roles) if role == Role.ASSISTANT]
