"""A chat format with its family's tokenizer, and the rows and proofs of a run with both."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from toolft_pipeline.chat.formats.chat_format import ChatFormat
from toolft_pipeline.chat.loss_turns import turns_without_loss
from toolft_pipeline.chat.proofs.prove import Prover, TensorRow
from toolft_pipeline.chat.proofs.report import ProofReport
from toolft_pipeline.chat.rendering.serving import install_chat_format
from toolft_pipeline.chat.rendering.tokens import RowEncoder
from toolft_pipeline.chat.trajectory_rows import trajectory_rows
from toolft_pipeline.settings import CatalogMode, ChatSettings, LossOnFailedCalls
from toolft_pipeline.trajectories.category import Category
from toolft_pipeline.trajectories.record import Trajectory
from toolft_pipeline.trajectories.tool_failure import failed_results
from toolft_pipeline_tests.chat.family_cases import FAMILY_CASES, FamilyCase
from toolft_pipeline_tests.conversations import accepted

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Thinking = Literal["drop", "keep"]


class MutatedFormat(ChatFormat):
    """A format with passages of its template replaced; refuses a passage that is not there."""

    passages: tuple[tuple[str, str], ...] = ()

    def template(self, *, catalog_mode: CatalogMode) -> str:
        source = super().template(catalog_mode=catalog_mode)
        for old, new in self.passages:
            assert old in source
            source = source.replace(old, new)
        return source


def mutated(chat_format: ChatFormat, *passages: tuple[str, str], **fields: Any) -> MutatedFormat:
    """A format with a fault planted: passages of the template replaced, or fields."""
    values = {name: getattr(chat_format, name) for name in chat_format.__dataclass_fields__}
    broken = MutatedFormat(**{**values, **fields})
    object.__setattr__(broken, "passages", passages)
    return broken


@dataclass(frozen=True)
class Family:
    """A format, and the tokenizer that it is saved with, loaded again. Prints briefly: hypothesis shows fixtures."""

    chat_format: ChatFormat
    tokenizer: PreTrainedTokenizerBase

    def __repr__(self) -> str:
        return f"Family({self.chat_format.name})"

    @property
    def case(self) -> FamilyCase:
        """What the suite knows of the format."""
        return FAMILY_CASES[self.chat_format.name]

    @cached_property
    def encoder(self) -> RowEncoder:
        """Remembers what it encoded, as in the pipeline."""
        return RowEncoder(tokenizer=self.tokenizer, chat_format=self.chat_format)

    def installed(self, mode: CatalogMode) -> PreTrainedTokenizerBase:
        """The tokenizer with another catalog mode; the vocabulary is shared."""
        tokenizer = copy.copy(self.tokenizer)
        install_chat_format(tokenizer, self.chat_format, mode)
        return tokenizer

    def rows(
        self,
        shape: Trajectory,
        *,
        mode: CatalogMode = CatalogMode.NONE,
        tools: Sequence[dict[str, Any]] = (),
        thinking: Thinking = "drop",
        rule: LossOnFailedCalls = LossOnFailedCalls.ALL,
    ) -> list[TensorRow]:
        """The rows of a run as the trainer reads them."""
        chat = ChatSettings(format=self.chat_format.name, catalog_mode=mode, thinking=thinking)
        (run,) = accepted([shape])
        rows = []
        for row in trajectory_rows(
            shape,
            category=Category.SINGLE_CALL,
            chat_format=self.chat_format,
            chat=chat,
            tools=list(tools),
            without_loss=turns_without_loss(run, rule=rule),
        ):
            tokens = self.encoder.encode_row(row.segments)
            answers = [segment.text for segment in row.segments if segment.trained]
            reversible = all(self.tokenizer.decode(self.encoder.encode(answer)) == answer for answer in answers)
            rows.append(
                TensorRow(row_id=row.row_id, input_ids=tokens.input_ids, labels=tokens.labels, trained=reversible)
            )
        return rows

    def proven(
        self,
        *shapes: Trajectory,
        mode: CatalogMode = CatalogMode.NONE,
        tools: Sequence[dict[str, Any]] = (),
        thinking: Thinking = "drop",
        served_by: PreTrainedTokenizerBase | None = None,
        rule: LossOnFailedCalls = LossOnFailedCalls.ALL,
    ) -> ProofReport:
        """The four proofs over the rows of runs; `served_by` another saved tokenizer, if given."""
        prover = Prover(
            tokenizer=served_by or self.installed(mode),
            tools=list(tools),
            format_name=self.chat_format.name,
            thinking=thinking,
            mended_masked=rule is LossOnFailedCalls.MENDED_MASKED,
        )
        for shape in shapes:
            prover.prove(
                trajectory_id=shape.trajectory_id,
                messages=shape.messages,
                rows=self.rows(shape, mode=mode, tools=tools, thinking=thinking, rule=rule),
                catalog=bool(tools) and mode is not CatalogMode.NONE,
                failed_results=failed_results(shape.messages),
            )
        return prover.report()


def refuted(report: ProofReport) -> list[str]:
    """Every failure of a report, in words."""
    return [
        f"{proof} {failure.row_id}: {failure.reason}"
        for proof, result in report.results.items()
        for failure in result.failures
    ]
