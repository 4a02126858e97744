"""The rows of one trajectory token by token: what carries loss, for which message, after which served prompt.

Invariant: the ids and labels shown are the stored ones, not those that should be there. The served prompt is rendered
again from the trajectory's messages with the saved tokenizer and compared with the tokens before the turn.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from toolft_pipeline.chat.chat_rows import ChatRow, PastedSpans
from toolft_pipeline.chat.fitting import DropReason, EncodedRow, FitResult, RowFitter
from toolft_pipeline.chat.rendering.conversation import image_hashes
from toolft_pipeline.chat.rendering.image_tokens import ImageTokens
from toolft_pipeline.chat.rendering.serving import ServingPrompt, serving_prompt
from toolft_pipeline.chat.rendering.tokens import NO_LOSS, TokenRow
from toolft_pipeline.chat.trajectory_rows import prompt_messages
from toolft_pipeline.settings import ChatSettings
from toolft_pipeline.trajectories.record import Role, Trajectory

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True, kw_only=True)
class TracedSpan:
    """Tokens [start, end) of a row that all carry loss, or of which none does. A trained span is one assistant turn."""

    start: int
    end: int
    trained: bool
    text: str
    message: int | None = None
    """Index of the turn in the recorded messages."""
    prompt: str | None = None
    """What a server would send before the turn."""
    prompt_tokens: int | None = None
    as_served: bool | None = None
    """Whether the row's tokens before the turn are those of that prompt."""


@dataclass(frozen=True, kw_only=True)
class TracedRow:
    """One row. `note` says why it is not trained on, or how the stored row differs from what the code makes now."""

    row_id: str
    trained: bool
    n_tokens: int
    n_loss_tokens: int
    note: str | None
    spans: tuple[TracedSpan, ...]


class RowTracer:
    """Traces the rows of one day, with the same tokenizer, tools and settings that its versions were made with."""

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

    def trace(
        self,
        trajectory: Trajectory,
        rows: Sequence[ChatRow],
        *,
        stored: Mapping[str, TokenRow],
        without_loss: Collection[int] = (),
    ) -> list[TracedRow]:
        """The rows that a trajectory became. `stored` are those of the version in force, by row id; `without_loss` are
        numbers of assistant turns that are only context."""
        messages = prompt_messages(trajectory, chat=self._chat, pasted=self._pasted)
        recorded = _assistant_indices([message.role for message in trajectory.messages])
        rendered = _assistant_indices([message["role"] for message in messages])
        recorded_index = dict(zip(rendered, recorded, strict=True))
        traced = []
        for result in self._fitter.fit(trajectory, rows, without_loss=without_loss):
            for encoded in result.written or (result.whole,):
                tokens = stored.get(encoded.row.row_id)
                spans = self._spans(encoded, tokens or encoded.tokens, messages, recorded_index.__getitem__)
                traced.append(
                    TracedRow(
                        row_id=encoded.row.row_id,
                        trained=tokens is not None,
                        n_tokens=spans[-1].end,
                        n_loss_tokens=sum(span.end - span.start for span in spans if span.trained),
                        note=_note(result, encoded, tokens, self._chat),
                        spans=spans,
                    )
                )
        return traced

    def _spans(
        self,
        encoded: EncodedRow,
        tokens: TokenRow,
        messages: list[dict[str, Any]],
        recorded_index: Callable[[int], int],
    ) -> tuple[TracedSpan, ...]:
        turns = iter(encoded.message_indices)
        kept = range(len(messages)) if encoded.kept is None else encoded.kept
        spans = []
        for start, end, trained in _label_runs(tokens.labels):
            ids = tokens.input_ids[start:end]
            text = str(self._tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False))
            turn = next(turns, None) if trained else None
            if turn is None:
                spans.append(TracedSpan(start=start, end=end, trained=trained, text=text))
                continue
            prompt = self._served([messages[index] for index in kept if index < turn])
            spans.append(
                TracedSpan(
                    start=start,
                    end=end,
                    trained=True,
                    text=text,
                    message=recorded_index(turn),
                    prompt=prompt.text,
                    prompt_tokens=len(prompt.ids),
                    as_served=prompt.ids == tokens.input_ids[:start],
                )
            )
        return tuple(spans)

    def _served(self, history: list[dict[str, Any]]) -> ServingPrompt:
        """A server's prompt: the text as the template writes it, the ids of the text with its images expanded."""
        prompt = serving_prompt(history, tokenizer=self._tokenizer, tools=self._tools or None)
        images = image_hashes(history)
        if self._images is None or not images:
            return prompt
        text = self._images.expand(prompt.text, images)
        return prompt._replace(ids=self._tokenizer(text, add_special_tokens=False)["input_ids"])


def stored_rows(path: Path, *, trajectory_id: str) -> dict[str, TokenRow]:
    """The rows of one trajectory in a tensors.parquet, by row id."""
    rows = {}
    with pq.ParquetFile(path) as parquet:
        for batch in parquet.iter_batches(columns=["row_id", "trajectory_id", "input_ids", "labels"]):
            for row in batch.filter(pc.equal(batch["trajectory_id"], trajectory_id)).to_pylist():
                rows[row["row_id"]] = TokenRow(input_ids=row["input_ids"], labels=row["labels"])
    return rows


def _note(result: FitResult, encoded: EncodedRow, stored: TokenRow | None, chat: ChatSettings) -> str | None:
    if not result.written:
        if result.drop_reason is DropReason.TOO_LONG:
            return f"left out: {len(encoded.tokens.input_ids)} tokens, chat.max_length is {chat.max_length}"
        return "left out: one of its assistant turns decodes to another text with this tokenizer"
    if stored is None:
        return "not in the version in force: the code has changed since; run the pipeline again"
    if stored != encoded.tokens:
        return "differs from what the code makes now: it has changed since; run the pipeline again"
    if result.drop_reason is None:
        return None
    lost = f"; {len(result.lost)} of its turns are in no row" if result.lost else ""
    return f"cut out of a row of {len(result.whole.tokens.input_ids)} tokens{lost}"


def _label_runs(labels: Sequence[int]) -> Iterator[tuple[int, int, bool]]:
    """Runs of labels [start, end) with loss or without."""
    start = 0
    for trained, run in groupby(labels, key=lambda label: label != NO_LOSS):
        end = start + sum(1 for _ in run)
        yield start, end, trained
        start = end


def _assistant_indices(roles: Sequence[str]) -> list[int]:
    return [index for index, role in enumerate(roles) if role == Role.ASSISTANT]
