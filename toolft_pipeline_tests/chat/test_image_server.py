"""The proofs of rows with images: each planted fault fails them, and no text around an image does."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given, settings

from toolft_pipeline.chat.fitting import RowFitter
from toolft_pipeline.chat.formats import GEMMA4
from toolft_pipeline.chat.proofs.image_server import ImageServer
from toolft_pipeline.chat.proofs.prove import Prover, TensorRow
from toolft_pipeline.chat.proofs.report import Proof
from toolft_pipeline.chat.rendering.image_tokens import ImageTokens
from toolft_pipeline.chat.rendering.processor import load_processor
from toolft_pipeline.chat.rendering.rendering import Segment
from toolft_pipeline.chat.rendering.serving import saved_tokenizer
from toolft_pipeline.chat.rendering.tokens import RowEncoder, TokenRow
from toolft_pipeline.chat.row_images import row_images
from toolft_pipeline.chat.trajectory_rows import trajectory_rows
from toolft_pipeline.settings import AgentSettings, CatalogMode, ChatSettings
from toolft_pipeline.trajectories.category import Category
from toolft_pipeline.trajectories.record import Role, Trajectory
from toolft_pipeline_tests.chat.conversations import assistant, tool, trajectory, user
from toolft_pipeline_tests.chat.families import refuted
from toolft_pipeline_tests.chat.hostile import hostile
from toolft_pipeline_tests.chat.pictured import (
    ONE,
    PICTURED,
    TWO,
    encoded,
    failures,
    picture,
    rendered,
    said,
    shown,
    write_day,
)
from toolft_pipeline_tests.chat.pictured import asked as shown_by_user

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Agent = Callable[..., AgentSettings]


@dataclass(frozen=True)
class Pictured:
    """One run at a time through rendering, encoding and the proofs, without files."""

    tokenizer: PreTrainedTokenizerBase
    tokens: ImageTokens
    server: ImageServer

    def failures(self, run: Trajectory, *, without_loss: Collection[int] = ()) -> list[str]:
        chat = ChatSettings(format="gemma4", max_length=100_000)
        rows = trajectory_rows(
            run, category=Category.SINGLE_CALL, chat_format=GEMMA4, chat=chat, tools=[], without_loss=without_loss
        )
        fitter = RowFitter(tokenizer=self.tokenizer, chat=chat, tools=[], pasted={}, images=self.tokens)
        made = [one.whole for one in fitter.fit(run, rows, without_loss=without_loss)]
        prover = Prover(tokenizer=self.tokenizer, tools=[], format_name="gemma4", thinking="drop", images=self.server)
        tensors = [
            TensorRow(row_id=one.row.row_id, input_ids=one.tokens.input_ids, labels=one.tokens.labels) for one in made
        ]
        prover.prove(trajectory_id=run.trajectory_id, messages=run.messages, rows=tensors, catalog=False)
        return refuted(prover.report())


@pytest.fixture(scope="module")
def pictured(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Pictured:
    folder = tmp_path_factory.mktemp("pictures")
    write_day(folder)
    tokenizer = saved_tokenizer(str(base.resolve()), "gemma4", CatalogMode.NONE)
    found = row_images(accepted=folder / "accepted.parquet", base=base, tokenizer=tokenizer, format_name="gemma4")
    assert found.tokens is not None
    assert found.server is not None
    return Pictured(tokenizer, found.tokens, found.server)


@pytest.mark.parametrize("turn", range(3))
def test_marked_turn_of_a_run_with_images_is_context(turn: int, pictured: Pictured) -> None:
    """Images of masked turns stay in the prompt, and those after the last turn with loss are in no row."""
    for run in PICTURED:
        turns = [place for place, message in enumerate(run.messages) if message.role is Role.ASSISTANT]
        if turn >= len(turns):
            continue
        messages = list(run.messages)
        messages[turns[turn]] = msgspec.structs.replace(messages[turns[turn]], train=False)
        marked = msgspec.structs.replace(run, messages=tuple(messages))
        assert pictured.failures(marked, without_loss=[turn]) == []
        assert any(
            "must carry loss" in line or "loss on" in line for line in pictured.failures(run, without_loss=[turn])
        )


def _one_token_short(self: ImageTokens, image: str) -> str:
    return _expansion_of(self, image).replace("<|image|>", "", 1)


def _without_borders(self: ImageTokens, image: str) -> str:
    return _expansion_of(self, image).removeprefix("<|image>")


_expansion_of = ImageTokens._expansion_of


@pytest.mark.parametrize("fault", [_one_token_short, _without_borders])
def test_proofs_fail_on_an_image_of_another_width(
    fault: Callable[..., str], tmp_path: Path, agent: Agent, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImageTokens, "_expansion_of", fault)
    rendered(tmp_path, agent(format="gemma4"), base, PICTURED[0])
    summary, _ = encoded(tmp_path, agent(format="gemma4"), base)
    assert set(failures(summary)) == {Proof.SERVING_PROMPT, Proof.CONTROL_TOKENS}


def test_proofs_fail_on_loss_at_an_image_token(
    tmp_path: Path, agent: Agent, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode_row = RowEncoder.encode_row

    def trains_the_last_image_token(self: RowEncoder, segments: tuple[Segment, ...]) -> TokenRow:
        made = encode_row(self, segments)
        closes = self._encode("<image|>", add_special_tokens=False).ids[0]
        if closes in made.input_ids:
            made.labels[made.input_ids.index(closes)] = closes
        return made

    monkeypatch.setattr(RowEncoder, "encode_row", trains_the_last_image_token)
    rendered(tmp_path, agent(format="gemma4"), base, PICTURED[0])
    summary, _ = encoded(tmp_path, agent(format="gemma4"), base)
    assert Proof.LOSS_MASK in failures(summary)


def test_proofs_fail_on_another_image(tmp_path: Path, agent: Agent, base: Path) -> None:
    """The row was made of one picture, the record shows another."""
    rendered(tmp_path, agent(format="gemma4"), base, PICTURED[0])
    tokenizer = saved_tokenizer(str(base.resolve()), "gemma4", CatalogMode.NONE)
    _, rows = encoded(tmp_path, agent(format="gemma4"), base)
    server = ImageServer(processor=load_processor(base, tokenizer=tokenizer), folder=tmp_path / "images")
    prover = Prover(tokenizer=tokenizer, tools=[], format_name="gemma4", thinking="drop", images=server)
    row = TensorRow(row_id="r", input_ids=rows[0]["input_ids"], labels=rows[0]["labels"])
    messages = PICTURED[0].messages
    other = tuple(shown(said("Sales by month:"), picture(TWO)) if m.role is Role.TOOL else m for m in messages)
    prover.prove(trajectory_id="r", messages=other, rows=[row], catalog=False)
    red = {proof for proof, result in prover.report().results.items() if result.n_failures}
    assert red == {Proof.SERVING_PROMPT, Proof.CONTROL_TOKENS}


def test_proofs_fail_on_a_parser_that_reads_images_as_text(
    tmp_path: Path, agent: Agent, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = copy.copy(saved_tokenizer(str(base.resolve()), "gemma4", CatalogMode.NONE))
    anchor = GEMMA4.response_template["start_anchor_pattern"].removesuffix(IMAGES_BEFORE_THE_ANSWER)
    broken.response_template = {**GEMMA4.response_template, "start_anchor_pattern": anchor}
    monkeypatch.setattr("toolft_pipeline.chat.token_tensors.saved_tokenizer", lambda *_: broken)
    rendered(tmp_path, agent(format="gemma4"), base, PICTURED[0])
    summary, _ = encoded(tmp_path, agent(format="gemma4"), base)
    assert set(failures(summary)) == {Proof.PARSER}


IMAGES_BEFORE_THE_ANSWER = r"(?:<\|image>|<\|image\|>|<image\|>)*"


def test_run_without_images_is_served_by_the_tokenizer(tmp_path: Path, agent: Agent, base: Path) -> None:
    """A run without pictures on a day with some is proven as ever."""
    plain = trajectory("plain", user("x"), assistant("", ("f", {"a": 1})), tool("y"), assistant("z"))
    rendered(tmp_path, agent(format="gemma4"), base, plain, PICTURED[0])
    summary, rows = encoded(tmp_path, agent(format="gemma4"), base)
    assert summary.proofs.green
    assert rows[0]["image_sha256"] == []


@given(asked=hostile, before=hostile, behind=hostile)
@settings(max_examples=25, deadline=None)
def test_hostile_text_around_pictures_keeps_every_proof(
    asked: str, before: str, behind: str, pictured: Pictured
) -> None:
    """No text changes the number or place of image tokens, or of tokens with loss."""
    run = trajectory(
        "hostile",
        shown_by_user(said(asked), picture(ONE), said(before), said(behind)),
        assistant("", ("f", {"a": 1})),
        shown(said(before), picture(TWO), said(behind)),
        assistant("Done."),
    )
    assert pictured.failures(run) == []
