"""Load the processor of a multimodal base model, for text and still images.

Invariant: it is the family's own class with its own settings, so its ids are those of any server that loads the same
folder. Its parts for audio and video are left out, and images are always prepared by Pillow, so a row has the same
pixels on every machine.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolft_pipeline.chat.formats.chat_format import ChatFormat, ChatFormatError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase, ProcessorMixin

PROCESSOR_FILES = ("processor_config.json", "preprocessor_config.json", "video_preprocessor_config.json")
"""Processor files that a base's folder may hold beside the tokenizer; a merged model gets copies."""

_FILES_NAMING_THE_CLASS = ("processor_config.json", "preprocessor_config.json", "tokenizer_config.json")


def why_no_images(model: Path | None, chat_format: ChatFormat) -> str | None:
    """Why a format and a base model's folder cannot render images; None where they can."""
    if chat_format.images is None:
        return f"chat format {chat_format.name} renders no images"
    if model is None or not any((model / name).is_file() for name in PROCESSOR_FILES[:2]):
        return f"the base model has no processor ({PROCESSOR_FILES[0]})"
    return None


def load_processor(model: Path, *, tokenizer: PreTrainedTokenizerBase) -> ProcessorMixin:
    """The processor of a base's folder around an installed tokenizer. Raises `ChatFormatError`."""
    import transformers

    family = getattr(transformers, _class_name(model), None)
    if family is None:
        raise ChatFormatError(f"{model}: transformers has no processor {_class_name(model)!r}; upgrade transformers")
    try:
        images = transformers.AutoImageProcessor.from_pretrained(model, backend="pil")
    except (OSError, ValueError, ImportError) as error:
        cause = " ".join(str(error).split())[:200]
        raise ChatFormatError(f"{model}: its image processor cannot be loaded ({cause}); fix the base model") from error
    parts = dict.fromkeys(family.get_attributes()) | {"image_processor": images, "tokenizer": tokenizer}
    processor: ProcessorMixin = _accepting_missing_parts(family)(**parts, chat_template=tokenizer.chat_template)
    return processor


def copy_processor_files(base: Path, model: Path) -> None:
    """Copy the base's processor files into a model trained from it; the chat template is there already."""
    for name in PROCESSOR_FILES:
        if (base / name).is_file():
            shutil.copyfile(base / name, model / name)


def _class_name(model: Path) -> str:
    for name in _FILES_NAMING_THE_CLASS:
        path = model / name
        if path.is_file() and (class_name := json.loads(path.read_text(encoding="utf-8")).get("processor_class")):
            return str(class_name)
    raise ChatFormatError(f"{model}: no file names a processor_class; add one to {PROCESSOR_FILES[0]}")


def _accepting_missing_parts(family: Any) -> Any:
    """The family's class without its check for audio and video parts, which need torchvision and audio codecs."""
    return type(family.__name__, (family,), {"check_argument_for_proper_class": lambda *_: None})
