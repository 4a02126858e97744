"""Runs with pictures from accepted rows to token tensors: equal to the processor's own ids, proven, or left out."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from PIL import Image

from toolft_pipeline.chat.chat_format import ChatFormatError
from toolft_pipeline.chat.chat_rows import ChatRowsSummary, read_chat_rows, trajectory_rows, write_chat_rows
from toolft_pipeline.chat.conversation import template_messages, trajectory_messages
from toolft_pipeline.chat.explained import Explainer, stored_rows
from toolft_pipeline.chat.fitting import Fitter
from toolft_pipeline.chat.formats import GEMMA4
from toolft_pipeline.chat.image_tokens import ImageTokens
from toolft_pipeline.chat.processor import load_processor
from toolft_pipeline.chat.proofs.image_server import ImageServer
from toolft_pipeline.chat.proofs.prove import Prover, TensorRow
from toolft_pipeline.chat.proofs.report import Proof
from toolft_pipeline.chat.rendering import Piece, render
from toolft_pipeline.chat.row_images import row_images
from toolft_pipeline.chat.token_tensors import TENSOR_SCHEMA, TokenSummary, saved_tokenizer, write_token_tensors
from toolft_pipeline.chat.tokens import RowEncoder, TokenRow
from toolft_pipeline.settings import AgentSettings, CatalogMode, ChatSettings
from toolft_pipeline.trajectories.record import Role, Trajectory
from toolft_pipeline_tests.chat.conversations import SHAPES, assistant, tool, trajectory, user
from toolft_pipeline_tests.chat.families import refuted
from toolft_pipeline_tests.chat.hostile import hostile
from toolft_pipeline_tests.chat.official import official_text
from toolft_pipeline_tests.chat.pictured import ONE, PICTURED, PICTURES, THREE, TWO, picture, said, shown, write_day
from toolft_pipeline_tests.chat.pictured import asked as shown_by_user
from toolft_pipeline_tests.chat.tokenizers_of_families import tokenizer_folder
from toolft_pipeline_tests.tiny_gemma4 import make_processor

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Agent = Callable[..., AgentSettings]
QUIET: Callable[[str], None] = lambda _line: None  # noqa: E731


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base's folder with a processor and no weights."""
    folder = tmp_path_factory.mktemp("sighted")
    make_processor(folder)
    return folder


@dataclass(frozen=True)
class Pictured:
    """One run at a time through rendering, encoding and the proofs, without files."""

    tokenizer: PreTrainedTokenizerBase
    tokens: ImageTokens
    server: ImageServer

    def failures(self, run: Trajectory) -> list[str]:
        chat = ChatSettings(format="gemma4", max_length=100_000)
        rows = trajectory_rows(run, chat_format=GEMMA4, chat=chat, tools=[])
        fitter = Fitter(tokenizer=self.tokenizer, chat=chat, tools=[], pasted={}, images=self.tokens)
        made = [one.whole for one in fitter.fit(run, rows)]
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


def rendered(folder: Path, settings: AgentSettings, base: Path | None, *runs: Trajectory) -> ChatRowsSummary:
    return write_chat_rows(**write_day(folder, *runs), settings=settings, out=folder, base=base)


def encoded(folder: Path, settings: AgentSettings, base: Path) -> tuple[TokenSummary, list[dict[str, Any]]]:
    (folder / "tensors").mkdir()
    summary = write_token_tensors(
        rows=folder / "rows.parquet",
        accepted=folder / "accepted.parquet",
        tokenizer=base,
        settings=settings,
        out=folder / "tensors",
        progress=QUIET,
    )
    return summary, pq.read_table(folder / "tensors" / "tensors.parquet").to_pylist()


def failures(summary: TokenSummary) -> dict[str, list[str]]:
    return {
        proof: [failure.reason for failure in result.failures]
        for proof, result in summary.proofs.results.items()
        if result.n_failures
    }


@pytest.mark.parametrize("mode", CatalogMode)
def test_pictured_runs_are_rendered_and_proven(mode: CatalogMode, tmp_path: Path, agent: Agent, base: Path) -> None:
    settings = agent(format="gemma4", catalog_mode=mode)
    assert rendered(tmp_path, settings, base, *PICTURED, *SHAPES).images_not_rendered == 0
    summary, rows = encoded(tmp_path, settings, base)
    assert failures(summary) == {}
    assert summary.proofs.green
    images = {row["row_id"]: row["image_sha256"] for row in rows}
    assert images["one_chart#0"] == [ONE]
    assert images["parallel_charts#0"] == [ONE, TWO, THREE]
    assert images["shown_by_the_user#0"] == [TWO, ONE, THREE]
    assert images["spells_images#0"] == [ONE, TWO]
    assert {tuple(found) for name, found in images.items() if name.split("#")[0] not in NAMED} == {()}
    assert {path.name: path.read_bytes() for path in (tmp_path / "tensors" / "images").iterdir()} == PICTURES


NAMED = {run.trajectory_id for run in PICTURED[:4]}


def test_pictured_ids_are_those_of_the_processor_and_no_image_token_carries_loss(
    tmp_path: Path, agent: Agent, base: Path
) -> None:
    """The whole run through the processor's own `apply_chat_template`, beside the row."""
    rendered(tmp_path, agent(format="gemma4"), base, *PICTURED)
    _, rows = encoded(tmp_path, agent(format="gemma4"), base)
    tokenizer = saved_tokenizer(str(base.resolve()), "gemma4", CatalogMode.NONE)
    processor = load_processor(base, tokenizer=tokenizer)
    marks = tokenizer.convert_tokens_to_ids(["<|image>", "<|image|>", "<image|>"])
    by_run = {row["trajectory_id"]: row for row in rows}
    for run in PICTURED:
        messages = template_messages(trajectory_messages(run))
        for message in messages:
            for part in message["content"] if isinstance(message.get("content"), list) else ():
                if part["type"] == "image":
                    part["image"] = Image.open(io.BytesIO(PICTURES[part.pop("image_sha256")]))
        whole = processor.apply_chat_template(messages, tokenize=True, return_dict=True)["input_ids"][0]
        row = by_run[run.trajectory_id]
        assert whole[: row["n_tokens"]] == row["input_ids"]
        loss = [label for label in row["labels"] if label != -100]
        assert not set(loss) & set(marks)
        images = row["image_sha256"]
        assert [row["input_ids"].count(mark) for mark in (marks[0], marks[2])] == [len(images)] * 2


def test_pictured_text_is_that_of_the_official_template() -> None:
    run = PICTURED[0]
    messages = template_messages(trajectory_messages(run))
    ours = GEMMA4.template(catalog_mode=CatalogMode.NONE)
    text, _ = render(messages, template=ours)
    assert text == official_text("gemma4", messages)
    assert text.count("<tool_response|><|image|>They peak") == 1


def test_pictured_run_that_is_cut_keeps_the_pictures_of_its_part(tmp_path: Path, agent: Agent, base: Path) -> None:
    long = trajectory(
        "long",
        user("Read all."),
        *(
            message
            for sha256 in (ONE, TWO, THREE)
            for message in (assistant("", ("read", {"page": sha256[:3]})), shown(picture(sha256), said("text " * 9)))
        ),
        assistant("Read."),
    )
    settings = agent(format="gemma4", max_length=300, long_rows="split")
    rendered(tmp_path, settings, base, long)
    summary, rows = encoded(tmp_path, settings, base)
    assert failures(summary) == {}
    assert (summary.too_long, summary.lost_turns) == (1, 0)
    assert len(rows) > 1
    assert max(row["n_tokens"] for row in rows) <= 300
    assert [row["image_sha256"] for row in rows][-1][-1] == THREE
    assert all(len(row["image_sha256"]) < 3 for row in rows)


def _one_token_short(self: ImageTokens, image: str) -> str:
    return _text_of(self, image).replace("<|image|>", "", 1)


def _without_borders(self: ImageTokens, image: str) -> str:
    return _text_of(self, image).removeprefix("<|image>")


_text_of = ImageTokens._text_of


@pytest.mark.parametrize("fault", [_one_token_short, _without_borders])
def test_proofs_image_of_another_width_turns_them_red(
    fault: Callable[..., str], tmp_path: Path, agent: Agent, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImageTokens, "_text_of", fault)
    rendered(tmp_path, agent(format="gemma4"), base, PICTURED[0])
    summary, _ = encoded(tmp_path, agent(format="gemma4"), base)
    assert set(failures(summary)) == {Proof.SERVING_PROMPT, Proof.CONTROL_TOKENS}


def test_proofs_loss_on_an_image_token_turns_them_red(
    tmp_path: Path, agent: Agent, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode_row = RowEncoder.encode_row

    def trains_the_last_image_token(self: RowEncoder, pieces: tuple[Piece, ...]) -> TokenRow:
        made = encode_row(self, pieces)
        closes = self._encode("<image|>", add_special_tokens=False).ids[0]
        if closes in made.input_ids:
            made.labels[made.input_ids.index(closes)] = closes
        return made

    monkeypatch.setattr(RowEncoder, "encode_row", trains_the_last_image_token)
    rendered(tmp_path, agent(format="gemma4"), base, PICTURED[0])
    summary, _ = encoded(tmp_path, agent(format="gemma4"), base)
    assert Proof.LOSS_MASK in failures(summary)


def test_proofs_another_picture_of_another_width_turns_them_red(tmp_path: Path, agent: Agent, base: Path) -> None:
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


def test_proofs_parser_that_reads_an_image_as_text_is_red(
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


@pytest.mark.parametrize(
    ("format_name", "sighted", "why"),
    [("gemma3", True, "chat format gemma3 renders no images"), ("gemma4", False, "the base model has no processor")],
)
def test_pictured_run_that_cannot_be_rendered_has_no_row_and_is_counted(
    format_name: str, sighted: bool, why: str, tmp_path: Path, agent: Agent, base: Path
) -> None:
    summary = rendered(tmp_path, agent(format=format_name), base if sighted else tmp_path, *PICTURED)
    assert (summary.images_not_rendered, summary.rows) == (4, 1)
    assert (summary.why_no_images or "").startswith(why)
    assert [row.row_id for row in read_chat_rows(tmp_path / "rows.parquet")] == ["no_picture#0"]


def test_pictured_runs_without_rows_leave_the_proofs_green(
    tmp_path: Path, agent: Agent, tmp_path_factory: pytest.TempPathFactory
) -> None:
    settings, blind = agent(format="chatml"), tokenizer_folder("chatml", scratch=tmp_path_factory.mktemp("blind"))
    rendered(tmp_path, settings, blind, *PICTURED)
    summary, rows = encoded(tmp_path, settings, blind)
    assert summary.proofs.green
    assert [row["row_id"] for row in rows] == ["no_picture#0"]
    assert pq.read_schema(tmp_path / "tensors" / "tensors.parquet").equals(TENSOR_SCHEMA)
    assert not (tmp_path / "tensors" / "images").exists()


def test_pictured_run_that_must_be_rendered_is_refused_by_name(tmp_path: Path, agent: Agent, base: Path) -> None:
    refused = r"^run one_chart \(2026-10-01.jsonl:1\) shows images, and chat format gemma3 renders no images; choose"
    with pytest.raises(ChatFormatError, match=refused):
        rendered(tmp_path, agent(images="refuse"), base, *PICTURED)


def test_image_tokens_template_that_drops_an_image_is_refused(tmp_path: Path, base: Path) -> None:
    write_day(tmp_path)
    tokenizer = saved_tokenizer(str(base.resolve()), "gemma4", CatalogMode.NONE)
    assert GEMMA4.images is not None
    tokens = ImageTokens(
        marks=GEMMA4.images, processor=load_processor(base, tokenizer=tokenizer), folder=tmp_path / "images"
    )
    with pytest.raises(ChatFormatError, match="writes 1 images where the history shows 2; mend the chat template"):
        tokens.widened("a<|image|>b", [ONE, TWO])


def test_image_server_tool_text_alone_is_served_by_the_tokenizer(tmp_path: Path, agent: Agent, base: Path) -> None:
    """A run without pictures on a day with some is proven as ever."""
    plain = trajectory("plain", user("x"), assistant("", ("f", {"a": 1})), tool("y"), assistant("z"))
    rendered(tmp_path, agent(format="gemma4"), base, plain, PICTURED[0])
    summary, rows = encoded(tmp_path, agent(format="gemma4"), base)
    assert summary.proofs.green
    assert rows[0]["image_sha256"] == []


def test_explained_run_with_pictures_is_as_served(tmp_path: Path, agent: Agent, base: Path) -> None:
    settings = agent(format="gemma4")
    rendered(tmp_path, settings, base, *PICTURED)
    encoded(tmp_path, settings, base)
    tokenizer = saved_tokenizer(str(base.resolve()), "gemma4", CatalogMode.NONE)
    images = row_images(accepted=tmp_path / "accepted.parquet", base=base, tokenizer=tokenizer, format_name="gemma4")
    explainer = Explainer(tokenizer=tokenizer, chat=settings.chat, tools=[], pasted={}, images=images.tokens)
    tensors = tmp_path / "tensors" / "tensors.parquet"
    for run in PICTURED:
        rows = [row for row in read_chat_rows(tmp_path / "rows.parquet") if row.trajectory_id == run.trajectory_id]
        stored = stored_rows(tensors, trajectory_id=run.trajectory_id)
        for explained in explainer.rows(run, rows, stored=stored):
            assert explained.note is None
            assert all(span.as_served for span in explained.spans if span.trained)


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
