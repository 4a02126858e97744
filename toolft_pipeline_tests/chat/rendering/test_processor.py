"""A base's processor: loaded without torchvision, copied into trained models, refused in one line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from toolft_pipeline.chat.formats import FORMATS, GEMMA4
from toolft_pipeline.chat.formats.chat_format import ChatFormatError
from toolft_pipeline.chat.rendering.processor import copy_processor_files, load_processor, why_no_images
from toolft_pipeline.chat.rendering.serving import saved_tokenizer
from toolft_pipeline.settings import CatalogMode


@pytest.mark.parametrize("name", sorted(set(FORMATS) - {"gemma4"}))
def test_why_no_images_names_the_format_that_has_none(name: str, base: Path) -> None:
    assert why_no_images(base, FORMATS[name]) == f"chat format {name} renders no images"


def test_why_no_images_names_the_file_that_is_missing(base: Path, tmp_path: Path) -> None:
    assert why_no_images(base, GEMMA4) is None
    assert why_no_images(None, GEMMA4) == "the base model has no processor (processor_config.json)"
    assert why_no_images(tmp_path, GEMMA4) == "the base model has no processor (processor_config.json)"
    copy_processor_files(base, tmp_path)
    assert why_no_images(tmp_path, GEMMA4) is None


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"processor_class": None}, "no file names a processor_class"),
        ({"processor_class": "NoSuchProcessor"}, "transformers has no processor 'NoSuchProcessor'; upgrade"),
        ({"image_processor": {"image_processor_type": "NoSuchImages"}}, "its image processor cannot be loaded"),
    ],
)
def test_load_processor_folder_that_has_none_is_one_line(
    config: dict[str, object], reason: str, base: Path, tmp_path: Path
) -> None:
    shutil.copytree(base, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "processor_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | config))
    tokenizer = saved_tokenizer(str(base.resolve()), "gemma4", CatalogMode.NONE)
    with pytest.raises(ChatFormatError, match=reason) as caught:
        load_processor(tmp_path, tokenizer=tokenizer)
    assert "\n" not in str(caught.value)


def test_load_processor_has_the_template_of_its_tokenizer(base: Path) -> None:
    tokenizer = saved_tokenizer(str(base.resolve()), "gemma4", CatalogMode.NONE)
    processor = load_processor(base, tokenizer=tokenizer)
    assert type(processor).__name__ == "Gemma4Processor"
    assert processor.chat_template == GEMMA4.template(catalog_mode=CatalogMode.NONE)
