"""A tiny model with eyes trained on runs whose tool answered with a chart: it learns, and its eyes stay as they are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file

from toolft_pipeline.chat.formats import GEMMA4
from toolft_pipeline.chat.render_day import write_chat_rows
from toolft_pipeline.chat.rendering.processor import copy_processor_files, load_processor, why_no_images
from toolft_pipeline.chat.token_tensors import write_token_tensors
from toolft_pipeline.curation.selection import SELECTION_SCHEMA
from toolft_pipeline.ingest.images.image_store import IMAGES_FOLDER, write_images
from toolft_pipeline.settings import AgentSettings, BaseModelSettings
from toolft_pipeline.training.base.base_model import convert_base_model
from toolft_pipeline.training.lora.model_families import TOWERS
from toolft_pipeline.training.merging.merge import merge_adapter
from toolft_pipeline.training.rows.sampling import IDS_SCHEMA, TrainingDataError, draw_rows
from toolft_pipeline.training.sft.multimodal_collator import ImageRowCollator
from toolft_pipeline.training.train_adapter import AdapterNames, train_adapter
from toolft_pipeline.trajectories.accepted_table import write_accepted_rows
from toolft_pipeline.trajectories.record import Message, Part, Role, Trajectory
from toolft_pipeline_tests.chat.conversations import assistant, trajectory, user
from toolft_pipeline_tests.conversations import accepted
from toolft_pipeline_tests.pictures import chart
from toolft_pipeline_tests.tiny_gemma4 import make_tiny_gemma4
from toolft_pipeline_tests.training.made_rows import merge_settings

DAYS = ("2026-10-01", "2026-10-02", "2026-10-03")


def run(number: int, images: dict[str, bytes]) -> Trajectory:
    """One question, one chart, one answer that says where the bar stands; every fourth run shows none."""
    left = number % 2 == 0
    question = user(f"Where does number {number} peak?")
    if number % 4 == 3:
        return trajectory(f"run{number:02}", question, assistant("I cannot see it."))
    data = chart(9, number % 4, size=(36, 24)) if left else chart(number % 4, 9, size=(24, 36))
    sha256 = hashlib.sha256(data).hexdigest()
    images[sha256] = data
    content = (Part("text", "chart:"), Part("image", image_sha256=sha256, mime="image/png"))
    shown = Message(role=Role.TOOL, content=content, tool_call_id="call_0", name="chart")
    answer = assistant("On the left." if left else "On the right.")
    return trajectory(f"run{number:02}", question, assistant("", ("chart", {"n": number})), shown, answer)


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """A base, the window's tensors with their images, and which rows are trained on."""

    base: Path
    selection: Path
    tensors: Mapping[str, Path]
    settings: AgentSettings


@pytest.fixture(scope="module")
def lesson(tmp_path_factory: pytest.TempPathFactory) -> Lesson:
    place = tmp_path_factory.mktemp("pictured")
    base = place / "tiny-gemma4"
    make_tiny_gemma4(base)
    settings = AgentSettings.model_validate(
        {
            "name": "reader",
            "folder": place,
            "first_day": DAYS[0],
            "catalog": {"file": "catalog.json"},
            "base_model": {"folder": str(base)},
            "chat": {"format": "gemma4"},
            "training": {
                **{"method": "qlora", "lora_r": 16, "lora_alpha": 64, "learning_rate": 2e-2},
                **{"gradient_accumulation": 4, "epochs": 2.0, "save_steps": 100, "lora_dropout": 0.0},
            },
        }
    )
    tensors, selected = {}, []
    for day, numbers in zip(DAYS, (range(20), range(20, 31), (31, 35)), strict=True):
        folder = place / day
        (folder / "out").mkdir(parents=True)
        images: dict[str, bytes] = {}
        runs = [run(number, images) for number in numbers]
        write_accepted_rows(accepted(runs), folder / "accepted.parquet")
        if images:  # the third day has none, and is what it would be without any
            write_images(folder / IMAGES_FOLDER, images)
        (folder / "catalog.json").write_text('{"tools": []}')
        write_chat_rows(
            accepted=folder / "accepted.parquet",
            catalog=folder / "catalog.json",
            chat=settings.chat,
            out=folder,
            base=base,
        )
        summary = write_token_tensors(
            rows=folder / "rows.parquet",
            accepted=folder / "accepted.parquet",
            tokenizer=base,
            chat=settings.chat,
            out=folder / "out",
            progress=lambda _line: None,
        )
        assert summary.proofs.green
        tensors[day] = folder / "out" / "tensors.parquet"
        selected += [_selected(one, day) for one in runs]
    pq.write_table(pa.Table.from_pylist(selected, schema=SELECTION_SCHEMA), place / "selection.parquet")
    return Lesson(base=base, selection=place / "selection.parquet", tensors=tensors, settings=settings)


def _selected(one: Trajectory, day: str) -> dict[str, Any]:
    return {
        "trajectory_id": one.trajectory_id,
        "day": day,
        "side": "validation" if one.trajectory_id == "run30" else "train",
        "weight": 2 if one.trajectory_id == "run00" else 1,
        "duplicate_of": None,
        "reason": "selected",
        "category": "single_call",
        "tools": ["chart"],
    }


@dataclass(frozen=True, kw_only=True)
class Trained:
    out: Path
    said: list[str]


@pytest.fixture(scope="module")
def trained(lesson: Lesson, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    place, said = tmp_path_factory.mktemp("trained"), list[str]()
    (place / "out").mkdir()
    train_adapter(
        base=lesson.base,
        names=AdapterNames(base=lesson.base.name, chat_format="gemma4"),
        selection=lesson.selection,
        tensors=lesson.tensors,
        training=lesson.settings.training,
        checkpoints=place / "checkpoints",
        out=place / "out",
        progress=said.append,
    )
    return Trained(out=place / "out", said=said)


def test_train_on_charts_brings_the_loss_down(trained: Trained) -> None:
    losses = pq.read_table(trained.out / "progress.parquet").column("loss").to_pylist()
    assert losses[-1] < losses[0] / 4
    assert any("24 training rows contain images: rows are trained one by one" in line for line in trained.said)


def test_train_on_charts_adapts_the_language_side_alone(trained: Trained) -> None:
    names = set(load_file(trained.out / "adapter" / "adapter_model.safetensors"))
    assert names
    assert {name for name in names if ".language_model.layers." not in name} == set()
    assert {name for name in names if any(tower in name for tower in TOWERS)} == set()


def test_train_on_charts_looks_at_them(lesson: Lesson) -> None:
    """A batch's pixels reach the loss: with another picture under the same tokens it is another one."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    drawn = draw_rows(selection=lesson.selection, tensors=lesson.tensors, token_budget=None)
    processor = load_processor(lesson.base, tokenizer=AutoTokenizer.from_pretrained(lesson.base))
    collate = ImageRowCollator(
        processor=processor, folders=[path.parent / IMAGES_FOLDER for path in lesson.tensors.values()]
    )
    row = next(row for row in drawn.train.ids.to_pylist() if row["image_sha256"])
    batch = collate([row])
    assert batch["input_ids"].tolist() == [row["input_ids"]]
    assert batch["labels"].tolist() == [row["labels"]]
    marked = [kind == 1 for kind in batch["mm_token_type_ids"][0].tolist()]
    assert marked == [token == processor.image_token_id for token in row["input_ids"]]
    model = AutoModelForCausalLM.from_pretrained(lesson.base, dtype=torch.float32).eval()
    with torch.no_grad():
        seen = model(**batch).loss
        unseen = model(**batch | {"pixel_values": batch["pixel_values"] * 0}).loss
    assert float(abs(seen - unseen)) > 1e-4


def test_draw_of_days_with_images_knows_which_rows_show_any(lesson: Lesson) -> None:
    drawn = draw_rows(selection=lesson.selection, tensors=lesson.tensors, token_budget=None)
    assert (drawn.train.with_images, drawn.validation.with_images, drawn.shows_images) == (24, 1, True)
    shown = {
        row.row_id: hashes
        for row, hashes in zip(drawn.validation.rows, drawn.validation.ids["image_sha256"], strict=True)
    }
    assert [(row, len(hashes)) for row, hashes in shown.items()] == [("run30#0", 1)]


def test_draw_of_rows_without_images_has_no_image_column(lesson: Lesson, tmp_path: Path) -> None:
    table = pq.read_table(lesson.selection)
    blind = [int(name[3:]) % 4 == 3 for name in table["trajectory_id"].to_pylist()]
    pq.write_table(table.filter(pa.array(blind)), tmp_path / "selection.parquet")
    drawn = draw_rows(selection=tmp_path / "selection.parquet", tensors=lesson.tensors, token_budget=None)
    assert len(drawn.train.rows) == 9
    assert not drawn.shows_images
    assert drawn.train.ids.schema.equals(IDS_SCHEMA)


def test_merge_of_a_model_with_eyes_leaves_them_byte_for_byte(trained: Trained, lesson: Lesson, tmp_path: Path) -> None:
    merge_adapter(
        base=lesson.base,
        adapter=trained.out / "adapter",
        **merge_settings(lesson.settings),
        lineage={},
        out=tmp_path,
        progress=lambda _line: None,
    )
    checks = json.loads((tmp_path / "checks.json").read_text())
    assert {name: check["passed"] for name, check in checks.items()} == {
        "merged_logits": True,
        "reload_same_tokens": True,
    }
    before, after = load_file(lesson.base / "model.safetensors"), load_file(tmp_path / "model" / "model.safetensors")
    assert set(before) == set(after)
    changed = {name for name in before if before[name].view(torch.int16).ne(after[name].view(torch.int16)).any()}
    assert any("language_model.layers" in name for name in changed)
    assert {name for name in changed if ".language_model." not in name} == set()
    assert (tmp_path / "model" / "processor_config.json").read_bytes() == (
        lesson.base / "processor_config.json"
    ).read_bytes()


def test_train_image_that_is_gone_is_one_line(lesson: Lesson) -> None:
    from transformers import AutoTokenizer

    processor = load_processor(lesson.base, tokenizer=AutoTokenizer.from_pretrained(lesson.base))
    collate = ImageRowCollator(processor=processor, folders=[])
    with pytest.raises(TrainingDataError, match=r"image a{64} is in no image folder of the window's token_tensors"):
        collate([{"input_ids": [1], "labels": [1], "image_sha256": ["a" * 64]}])


def test_base_model_that_is_brought_to_bf16_keeps_its_processor(lesson: Lesson, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    wide = tmp_path / "wide"
    AutoModelForCausalLM.from_pretrained(lesson.base, dtype=torch.float32).save_pretrained(wide)
    AutoTokenizer.from_pretrained(lesson.base).save_pretrained(wide)
    copy_processor_files(lesson.base, wide)
    settings = lesson.settings.model_copy(update={"base_model": BaseModelSettings(folder=str(wide))})
    convert_base_model(settings=settings, out=tmp_path, progress=lambda _line: None)
    assert why_no_images(tmp_path / "model", GEMMA4) is None
    assert any("vision_tower" in name for name in load_file(tmp_path / "model" / "model.safetensors"))
