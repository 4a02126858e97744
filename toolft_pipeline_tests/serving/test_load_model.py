"""Which version is served, what it is served with, and what is refused in one line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from toolft_pipeline.catalog.tool import Catalog
from toolft_pipeline.errors import FixableError
from toolft_pipeline.serving.routing.load_model import load_served_model
from toolft_pipeline.warehouse.gc import reclaim_content
from toolft_pipeline_tests.serving.desk_warehouse import CHAT, CLOSE, DAYS, FIND, DeskWarehouse

MESSAGES = [{"role": "system", "content": "Help."}, {"role": "user", "content": "Where is order 7?"}]


@pytest.fixture
def desk(tmp_path: Path) -> DeskWarehouse:
    return DeskWarehouse(tmp_path)


def _refusal(desk: DeskWarehouse, version: str | None) -> str:
    with pytest.raises(FixableError) as refused:
        load_served_model(desk.warehouse, desk.settings(), version)
    text = str(refused.value)
    assert "\n" not in text
    return text


def test_versions_are_chosen_by_pointer_day_and_newest(desk: DeskWarehouse) -> None:
    models = [desk.model(day, day) for day in DAYS]
    desk.promote(models[0])
    loaded = {
        version: load_served_model(desk.warehouse, desk.settings(), version) for version in (None, DAYS[1], "candidate")
    }
    assert [model.content_digest for model in loaded.values()] == [each.manifest.content_digest for each in models]
    assert loaded["candidate"].name == "tester/2026-10-03"
    assert loaded["candidate"].folder == models[2].folder / "model"
    (adapter,) = models[2].manifest.inputs.values()
    assert loaded["candidate"].adapter_digest == adapter


def test_prompts_are_those_of_the_saved_template(desk: DeskWarehouse) -> None:
    """The oracle is transformers on the saved folder."""
    from transformers import AutoTokenizer

    desk.promote(desk.model(DAYS[0], "a"))
    model = load_served_model(desk.warehouse, desk.settings())
    saved = AutoTokenizer.from_pretrained(model.folder)
    expected = saved.apply_chat_template(MESSAGES, add_generation_prompt=True, tokenize=True, return_dict=False)
    assert model.prompter.prompt(MESSAGES) == expected
    assert len(expected) > 10


def test_models_with_one_tokenizer_share_it(desk: DeskWarehouse) -> None:
    first, second = (desk.model(day, day) for day in DAYS[:2])
    loaded = [load_served_model(desk.warehouse, desk.settings(), day) for day in DAYS[:2]]
    assert first.manifest.content_digest != second.manifest.content_digest
    assert loaded[0].prompter.tokenizer is loaded[1].prompter.tokenizer


def test_catalog_is_that_of_the_training_after_a_rebuild(desk: DeskWarehouse) -> None:
    """The rows of the day are made again with another catalog and come out the same."""
    trained_on = desk.catalog([FIND, CLOSE])
    desk.promote(desk.model(DAYS[0], "a", rows=desk.rows(DAYS[0], trained_on)))
    _set_back(desk, seconds=100)
    desk.rows(DAYS[0], desk.catalog([FIND]))
    model = load_served_model(desk.warehouse, desk.settings())
    assert model.catalog.names == ("find_order", "close_ticket")
    assert model.catalog_digest == trained_on.manifest.content_digest


def test_chat_settings_are_those_of_the_training(desk: DeskWarehouse) -> None:
    desk.promote(desk.model(DAYS[0], "a"))
    edited = desk.settings(chat={**CHAT, "format": "llama3", "system_prompt": "replace:Other."})
    model = load_served_model(desk.warehouse, edited)
    assert model.prompter.prompt(MESSAGES) == load_served_model(desk.warehouse, desk.settings()).prompter.prompt(
        MESSAGES
    )
    assert model.prompter.chat_format.name == CHAT["format"]


def test_nothing_in_service_is_one_line_with_the_next_command(desk: DeskWarehouse) -> None:
    assert _refusal(desk, None).startswith("tester: no model is in service; `toolft run tester`")
    assert _refusal(desk, "candidate") == "tester: no merged model; `toolft run tester` makes one"
    desk.model(DAYS[0], "a")
    assert "`--version candidate` serves that of 2026-10-01" in _refusal(desk, None)
    assert _refusal(desk, "2026-12-31") == "tester: no merged model as of 2026-12-31; there are those of 2026-10-01"


def test_reclaimed_model_is_refused_with_the_command_that_rebuilds_it(desk: DeskWarehouse) -> None:
    model = desk.model(DAYS[0], "a")
    desk.promote(model)
    assert reclaim_content(desk.warehouse, model)
    refusal = _refusal(desk, None)
    assert "retention removed the weights" in refusal
    assert "`toolft run tester --to 2026-10-01`" in refusal


@pytest.mark.parametrize("name", ["model/model.safetensors", "model/tokenizer.json", "manifest.json"])
def test_edited_file_is_refused_by_name(desk: DeskWarehouse, name: str) -> None:
    model = desk.model(DAYS[0], "a")
    desk.promote(model)
    path = model.folder / name
    path.write_text(path.read_text() + " ")
    assert str(path) in _refusal(desk, None)


def test_missing_version_of_the_pointer_names_the_rollback(desk: DeskWarehouse) -> None:
    model = desk.model(DAYS[0], "a")
    desk.promote(model)
    shutil.rmtree(model.folder)
    assert "`toolft rollback tester`" in _refusal(desk, None)


def test_lineage_without_a_catalog_is_refused(desk: DeskWarehouse) -> None:
    desk.promote(desk.model(DAYS[0], "a"))
    shutil.rmtree(desk.warehouse.root / "tester" / "tool_catalog" / "all" / "versions")
    assert "tool_catalog is no longer in the warehouse" in _refusal(desk, None)


def test_pruned_catalog_of_the_training_is_replaced_by_one_with_the_same_rows(desk: DeskWarehouse) -> None:
    rows = desk.rows(DAYS[0], desk.catalog([FIND, CLOSE]))
    desk.promote(desk.model(DAYS[0], "a", rows=rows))
    _set_back(desk, seconds=100)
    desk.rows(DAYS[0], desk.catalog([CLOSE, FIND]))
    shutil.rmtree(rows.folder)
    model = load_served_model(desk.warehouse, desk.settings())
    assert isinstance(model.catalog, Catalog)
    assert model.catalog.names == ("close_ticket", "find_order")


def _set_back(desk: DeskWarehouse, *, seconds: int) -> None:
    """Make everything older: pointer records and manifests have whole seconds."""
    from datetime import datetime, timedelta

    import msgspec

    for path in sorted(desk.warehouse.root.rglob("*.json")):
        if path.parent.name != "pointers" and path.name != "manifest.json":
            continue
        record = msgspec.json.decode(path.read_bytes())
        made = datetime.fromisoformat(record["created_at"]) - timedelta(seconds=seconds)
        record["created_at"] = made.isoformat(timespec="seconds")
        record.pop("manifest_sha256", None)
        path.write_bytes(msgspec.json.encode(record))
