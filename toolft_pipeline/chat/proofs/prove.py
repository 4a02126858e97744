"""Running the four proofs over the rows of a day.

Invariant: every row is put to every proof, and every assistant turn of a trajectory must be met in exactly one row;
rows that are not trained on may be passed over, but their turns are still counted.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
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
from toolft_pipeline.chat.proofs.oracle import without_reasoning
from toolft_pipeline.chat.proofs.oracles import ORACLES
from toolft_pipeline.chat.proofs.report import Proof, ProofFailure, ProofReport, report
from toolft_pipeline.trajectories.record import Message, Role, Trajectory, text_message

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True, kw_only=True)
class TensorRow:
    """A row as the trainer will read it. `trained` is False where it is not asked about (not reversible)."""

    row_id: str
    input_ids: Sequence[int]
    labels: Sequence[int]
    trained: bool = True
    cut: ReplacementRows | None = None
    """What is trained in its place, where it was cut to fit."""


@dataclass(frozen=True, kw_only=True)
class CutTensorRow:
    """A row over a part of the run: `kept` are the places of its messages, `message_indices` those of its trained turns."""

    row: TensorRow
    kept: tuple[int, ...]
    message_indices: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class ReplacementRows:
    """What a row became, and the places of its turns that were given up."""

    rows: tuple[CutTensorRow, ...]
    lost: tuple[int, ...]


def recorded_messages(
    trajectory: Trajectory,
    *,
    system_prompt: str,
    pasted: Mapping[str, Sequence[tuple[int, int]]] = MappingProxyType({}),
) -> tuple[Message, ...]:
    """The record that the proofs go by: the run's messages under the agent file's policy for the system prompt.

    `pasted` says where tool lists stand in system prompts, by the sha256 of the prompt: stretches that are left out.
    """
    if system_prompt == "keep":
        return trajectory.messages
    if system_prompt == "strip_tools":
        left = [_without_pasted(message, pasted) for message in trajectory.messages]
        return tuple(message for message in left if message.role is not Role.SYSTEM or message.content)
    spoken = tuple(message for message in trajectory.messages if message.role is not Role.SYSTEM)
    replaced, replacement = system_prompt.partition(":")[::2]
    return (text_message(Role.SYSTEM, replacement.strip()), *spoken) if replaced == "replace" else spoken


def _without_pasted(message: Message, pasted: Mapping[str, Sequence[tuple[int, int]]]) -> Message:
    text = message.text
    spans = pasted.get(sha256(text.encode("utf-8", "surrogatepass")).hexdigest(), ())
    if message.role is not Role.SYSTEM or not spans:
        return message
    for start, end in reversed(spans):
        text = text[:start] + text[end:]
    return text_message(Role.SYSTEM, text)


class Prover:
    """Collects the verdicts of all four proofs, trajectory by trajectory."""

    def __init__(
        self,
        *,
        tokenizer: PreTrainedTokenizerBase,
        tools: list[dict[str, Any]],
        format_name: str,
        thinking: Literal["drop", "keep"],
        images: ImageServer | None = None,
    ) -> None:
        """`tokenizer` is the saved one, loaded again; `tools` is what an agent framework would send; `images` is the
        processor around that tokenizer, None where no run shows any."""
        self._tokenizer = tokenizer
        self._tools = tools
        self._oracle = ORACLES[format_name]
        self._thinking, self._images = thinking, images
        self._control_ids = control_token_ids(tokenizer, self._oracle)
        self._failures: dict[Proof, list[ProofFailure]] = defaultdict(list)
        self._checked: Counter[Proof] = Counter()

    def prove(
        self, *, trajectory_id: str, messages: tuple[Message, ...], rows: Sequence[TensorRow], catalog: bool
    ) -> None:
        """Put the rows of one trajectory to the proofs. `catalog`: one opens the text."""
        if self._thinking == "drop":
            messages = tuple(without_reasoning(message) for message in messages)
        turns = [message_index for message_index, message in enumerate(messages) if message.role is Role.ASSISTANT]
        met = 0
        for row in rows:
            spans = []
            for start, end in loss_spans(row.labels):
                spans.append(LossSpan(start=start, end=end, message_index=turns[met] if met < len(turns) else None))
                met += 1
            if row.trained:
                self._prove_row(row, spans=tuple(spans), messages=messages, catalog=catalog)
            if row.cut is not None:
                self._prove_cut(row, row.cut, spans=spans, messages=messages, catalog=catalog)
        if met < len(turns):
            missing = f"{len(turns) - met} of {len(turns)} assistant turns carry no loss"
            self._fail(Proof.LOSS_MASK, trajectory_id, missing)

    def _prove_cut(
        self,
        whole: TensorRow,
        cut: ReplacementRows,
        *,
        spans: Sequence[LossSpan],
        messages: tuple[Message, ...],
        catalog: bool,
    ) -> None:
        """Rows that stand for a longer one: each is put to the proofs against the history as cut."""
        for part in cut.rows:
            if reason := check_cut_history(messages, kept=part.kept, trained=part.message_indices):
                self._fail(Proof.SERVING_PROMPT, part.row.row_id, reason)
                continue
            marked = loss_spans(part.row.labels)
            if len(marked) != len(part.message_indices):
                reason = f"{len(marked)} stretches of loss for {len(part.message_indices)} turns"
                self._fail(Proof.LOSS_MASK, part.row.row_id, reason)
                continue
            placed = tuple(
                LossSpan(start=start, end=end, message_index=part.kept.index(message_index))
                for (start, end), message_index in zip(marked, part.message_indices, strict=True)
            )
            history = tuple(messages[message_index] for message_index in part.kept)
            self._prove_row(part.row, spans=placed, messages=history, catalog=catalog)
        trained = [message_index for part in cut.rows for message_index in part.message_indices]
        if sorted([*trained, *cut.lost]) != [span.message_index for span in spans]:
            reason = f"cut into rows that train the turns {trained} and give up {list(cut.lost)}: not each turn once"
            self._fail(Proof.LOSS_MASK, whole.row_id, reason)

    def report(self) -> ProofReport:
        """What was found so far."""
        return report(rows_checked=dict(self._checked), failures=self._failures)

    def _prove_row(
        self, row: TensorRow, *, spans: tuple[LossSpan, ...], messages: tuple[Message, ...], catalog: bool
    ) -> None:
        subject = RowUnderProof(input_ids=row.input_ids, labels=row.labels, spans=spans, messages=messages)
        tokenizer, oracle, images = self._tokenizer, self._oracle, self._images
        proofs: dict[Proof, Callable[[], str | None]] = {
            Proof.LOSS_MASK: lambda: check_loss_mask(subject, tokenizer=tokenizer, oracle=oracle),
            Proof.SERVING_PROMPT: lambda: check_serving_prompt(
                subject, tokenizer=tokenizer, tools=self._tools, images=images
            ),
            Proof.PARSER: lambda: check_parser(subject, tokenizer=tokenizer, oracle=oracle),
            Proof.CONTROL_TOKENS: lambda: check_control_tokens(
                subject,
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
