"""Run the four proofs over the rows of a day.

Invariant: every row goes through every proof, and every assistant turn of a trajectory that must carry loss carries it
in exactly one row. Rows that are not trained on skip the proofs, but their turns are counted.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from toolft_pipeline.chat.proofs.checks import (
    LossSpan,
    RowUnderProof,
    check_control_tokens,
    check_loss_mask,
    check_parser,
    check_serving_prompt,
    control_token_ids,
    loss_spans,
)
from toolft_pipeline.chat.proofs.cut_history import check_cut_history
from toolft_pipeline.chat.proofs.image_server import ImageServer
from toolft_pipeline.chat.proofs.loss_turns import turns_with_loss
from toolft_pipeline.chat.proofs.oracle import without_reasoning
from toolft_pipeline.chat.proofs.oracles import ORACLES
from toolft_pipeline.chat.proofs.report import Proof, ProofFailure, ProofReport, make_report
from toolft_pipeline.trajectories.record import Message, Role, Trajectory, text_message

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True, kw_only=True)
class TensorRow:
    """A row as the trainer will read it. `trained` is False where it will not (not reversible)."""

    row_id: str
    input_ids: Sequence[int]
    labels: Sequence[int]
    trained: bool = True
    replaced_by: ReplacementRows | None = None
    """The rows trained instead of it, where it was cut to fit."""


@dataclass(frozen=True, kw_only=True)
class CutTensorRow:
    """A row over a part of the run, with the indices of the messages kept and of those trained."""

    row: TensorRow
    kept: tuple[int, ...]
    message_indices: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class ReplacementRows:
    """The rows that a long row was cut into, and the message indices of its turns that are in none."""

    rows: tuple[CutTensorRow, ...]
    lost: tuple[int, ...]


def recorded_messages(
    trajectory: Trajectory,
    *,
    system_prompt: str,
    pasted: Mapping[str, Sequence[tuple[int, int]]] = MappingProxyType({}),
) -> tuple[Message, ...]:
    """The record that the proofs compare with: the run's messages under the agent file's policy for the system prompt.

    `pasted` maps the sha256 of a system prompt to the spans of tool lists that are removed from it.
    """
    if system_prompt == "keep":
        return trajectory.messages
    if system_prompt == "strip_tools":
        stripped = [_without_pasted(message, pasted) for message in trajectory.messages]
        return tuple(message for message in stripped if message.role is not Role.SYSTEM or message.content)
    others = tuple(message for message in trajectory.messages if message.role is not Role.SYSTEM)
    policy, replacement = system_prompt.partition(":")[::2]
    return (text_message(Role.SYSTEM, replacement.strip()), *others) if policy == "replace" else others


def _without_pasted(message: Message, pasted: Mapping[str, Sequence[tuple[int, int]]]) -> Message:
    text = message.text
    spans = pasted.get(sha256(text.encode("utf-8", "surrogatepass")).hexdigest(), ())
    if message.role is not Role.SYSTEM or not spans:
        return message
    for start, end in reversed(spans):
        text = text[:start] + text[end:]
    return text_message(Role.SYSTEM, text)


class Prover:
    """Runs the proofs trajectory by trajectory and collects the failures."""

    def __init__(
        self,
        *,
        tokenizer: PreTrainedTokenizerBase,
        tools: list[dict[str, Any]],
        format_name: str,
        thinking: Literal["drop", "keep"],
        images: ImageServer | None = None,
        mended_masked: bool = False,
    ) -> None:
        """`tokenizer` is the saved one, loaded again; `tools` are those that an agent framework would send; `images` is
        the processor around that tokenizer, None where no run shows images; `mended_masked`: failed calls that a run
        corrects carry no loss."""
        self._tokenizer = tokenizer
        self._tools = tools
        self._oracle = ORACLES[format_name]
        self._thinking, self._images, self._mended_masked = thinking, images, mended_masked
        self._control_ids = control_token_ids(tokenizer, self._oracle)
        self._failures: dict[Proof, list[ProofFailure]] = defaultdict(list)
        self._checked: Counter[Proof] = Counter()

    def prove(
        self,
        *,
        trajectory_id: str,
        messages: tuple[Message, ...],
        rows: Sequence[TensorRow],
        catalog: bool,
        failed_results: Collection[int] = (),
    ) -> None:
        """Run the proofs on the rows of one trajectory. `catalog`: each row begins with a tool catalog.
        `failed_results` are the results that report a failed call, numbered among the results."""
        if self._thinking == "drop":
            messages = tuple(without_reasoning(message) for message in messages)
        turns = turns_with_loss(messages, failed_results=failed_results, mended_masked=self._mended_masked)
        seen = 0
        for row in rows:
            spans = []
            for start, end in loss_spans(row.labels):
                spans.append(LossSpan(start=start, end=end, message_index=turns[seen] if seen < len(turns) else None))
                seen += 1
            if row.trained:
                self._prove_row(row, spans=tuple(spans), messages=messages, catalog=catalog)
            if row.replaced_by is not None:
                self._prove_replacement(row, row.replaced_by, spans=spans, messages=messages, catalog=catalog)
        if seen < len(turns):
            missing = f"{len(turns) - seen} of {len(turns)} turns that must carry loss carry none"
            self._fail(Proof.LOSS_MASK, trajectory_id, missing)

    def report(self) -> ProofReport:
        """The failures so far."""
        return make_report(rows_checked=dict(self._checked), failures=self._failures)

    def _prove_replacement(
        self,
        whole: TensorRow,
        replacement: ReplacementRows,
        *,
        spans: Sequence[LossSpan],
        messages: tuple[Message, ...],
        catalog: bool,
    ) -> None:
        """Run the proofs on the rows that replace a longer one, each against its own cut history."""
        for cut in replacement.rows:
            if reason := check_cut_history(messages, kept=cut.kept, trained=cut.message_indices):
                self._fail(Proof.SERVING_PROMPT, cut.row.row_id, reason)
                continue
            with_loss = loss_spans(cut.row.labels)
            if len(with_loss) != len(cut.message_indices):
                reason = f"{len(with_loss)} spans of loss for {len(cut.message_indices)} turns"
                self._fail(Proof.LOSS_MASK, cut.row.row_id, reason)
                continue
            cut_spans = tuple(
                LossSpan(start=start, end=end, message_index=cut.kept.index(index))
                for (start, end), index in zip(with_loss, cut.message_indices, strict=True)
            )
            history = tuple(messages[index] for index in cut.kept)
            self._prove_row(cut.row, spans=cut_spans, messages=history, catalog=catalog)
        trained = [index for cut in replacement.rows for index in cut.message_indices]
        if sorted([*trained, *replacement.lost]) != [span.message_index for span in spans]:
            lost = list(replacement.lost)
            reason = f"cut into rows that train the turns {trained} and lose {lost}: not every turn exactly once"
            self._fail(Proof.LOSS_MASK, whole.row_id, reason)

    def _prove_row(
        self, row: TensorRow, *, spans: tuple[LossSpan, ...], messages: tuple[Message, ...], catalog: bool
    ) -> None:
        under_proof = RowUnderProof(input_ids=row.input_ids, labels=row.labels, spans=spans, messages=messages)
        tokenizer, oracle, images = self._tokenizer, self._oracle, self._images
        proofs: dict[Proof, Callable[[], str | None]] = {
            Proof.LOSS_MASK: lambda: check_loss_mask(under_proof, tokenizer=tokenizer, oracle=oracle),
            Proof.SERVING_PROMPT: lambda: check_serving_prompt(
                under_proof, tokenizer=tokenizer, tools=self._tools, images=images
            ),
            Proof.PARSER: lambda: check_parser(under_proof, tokenizer=tokenizer, oracle=oracle),
            Proof.CONTROL_TOKENS: lambda: check_control_tokens(
                under_proof,
                tokenizer=tokenizer,
                oracle=oracle,
                control_ids=self._control_ids,
                catalog=catalog,
                images=images,
            ),
        }
        for proof, check in proofs.items():
            self._checked[proof] += 1
            if reason := check():
                self._fail(proof, row.row_id, reason)

    def _fail(self, proof: Proof, row_id: str, reason: str) -> None:
        self._failures[proof].append(ProofFailure(row_id=row_id, reason=reason))
