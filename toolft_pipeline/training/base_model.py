"""The base model: from a registry package, a folder or a hub to one folder of bf16 safetensors and a tokenizer.

Invariant: what is pinned is checked before anything is read from it, and the folder that comes out never depends on
where it was made: equal sources give equal bytes.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from toolft_pipeline.settings import AgentSettings, BaseModelSettings

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

MODEL_FOLDER = "model"
_COPIED = 1 << 20


class BaseModelError(RuntimeError):
    """The base model cannot be had; one line: what was looked for, what was found, the mend."""


@dataclass(frozen=True, kw_only=True)
class BaseModelSummary:
    """What was converted: the source's name, the architecture, and counts."""

    source: str
    architecture: str
    parameters: int
    vocabulary: int


def convert_base_model(*, settings: AgentSettings, out: Path, progress: Callable[[str], None]) -> BaseModelSummary:
    """Write the base model to `out/model`. Raises `BaseModelError`."""
    base = settings.base_model
    target = out / MODEL_FOLDER
    with tempfile.TemporaryDirectory(dir=out) as scratch:
        if base.package is not None:
            source = base.package
            model, tokenizer = _from_package(base, Path(scratch), progress)
        elif base.folder is not None:
            source = Path(base.folder).name
            model, tokenizer = _load(str(_checked_folder(settings.path(base.folder))), None)
        else:
            source = f"{base.hub}@{base.revision or 'main'}"
            model, tokenizer = _from_hub(base)
        progress(f"saving {source} as bf16 safetensors")
        model.config.name_or_path = model.name_or_path = source
        model.save_pretrained(target)
        tokenizer.name_or_path = source
        tokenizer.save_pretrained(target)
    return BaseModelSummary(
        source=source,
        architecture=model.config.architectures[0],
        parameters=model.num_parameters(),
        vocabulary=len(tokenizer),
    )


def package_gguf_parts(package: str) -> list[Path]:
    """The file, or the chunks in order, that make up the GGUF file of an installed distribution.

    A distribution without one of its own may be split over `<package>-part1`, `-part2` and so on.
    """
    parts = _files(package, ".gguf")
    if parts:
        return parts
    number = 1
    while chunk := _files(f"{package}-part{number}", ".gguf.part", missing_is_empty=number > 1):
        parts += chunk
        number += 1
    if not parts:
        raise BaseModelError(f"package {package} carries no GGUF file; name one that does in base_model.package")
    return parts


def _from_package(
    base: BaseModelSettings, scratch: Path, progress: Callable[[str], None]
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    assert base.package is not None
    gguf = scratch / "model.gguf"
    digest = hashlib.sha256()
    with gguf.open("wb") as stream:
        for part in package_gguf_parts(base.package):
            with part.open("rb") as chunk:
                while data := chunk.read(_COPIED):
                    digest.update(data)
                    stream.write(data)
    if base.sha256 is not None and digest.hexdigest() != base.sha256:
        raise BaseModelError(
            f"package {base.package}: its GGUF file has sha256 {digest.hexdigest()}, base_model.sha256 pins "
            f"{base.sha256}; install the pinned release again, or mend the pin if you trust the file"
        )
    progress(f"{base.package}: sha256 verified; converting GGUF to bf16 (about half a minute)")
    return _load(str(scratch), gguf.name)


def _from_hub(base: BaseModelSettings) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    assert base.hub is not None
    try:
        return _load(base.hub, None, revision=base.revision)
    except (OSError, ValueError) as error:
        raise BaseModelError(
            f"base_model.hub {base.hub}: cannot be loaded ({_first_line(error)}); check id, revision, access token and "
            "network, unset HF_HUB_OFFLINE, or download it and set base_model.folder"
        ) from error


def _load(place: str, gguf: str | None, revision: str | None = None) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    if gguf is None:
        tokenizer = AutoTokenizer.from_pretrained(place, revision=revision or "main")
        model = AutoModelForCausalLM.from_pretrained(place, revision=revision or "main", dtype=torch.bfloat16)
        return model, tokenizer
    tokenizer = AutoTokenizer.from_pretrained(place, gguf_file=gguf)
    model = AutoModelForCausalLM.from_pretrained(
        place, gguf_file=gguf, dtype=torch.bfloat16, quantization_config=GgufConfig(dequantize=True)
    )
    if hasattr(model.config, "quantization_config"):  # else the saved folder would claim to be quantized
        del model.config.quantization_config
    return model, tokenizer


def _checked_folder(folder: Path) -> Path:
    for name in ("config.json", "tokenizer.json"):
        if not (folder / name).is_file():
            raise BaseModelError(f"{folder}: no {name}; base_model.folder wants a model in Hugging Face layout")
    return folder


def _files(package: str, ending: str, *, missing_is_empty: bool = False) -> list[Path]:
    return sorted(_paths(package, ending, missing_is_empty=missing_is_empty))


def _paths(package: str, ending: str, *, missing_is_empty: bool) -> Iterator[Path]:
    try:
        distribution = metadata.distribution(package)
    except metadata.PackageNotFoundError as error:
        if missing_is_empty:
            return
        raise BaseModelError(f"package {package} is not installed; pip install {package}") from error
    for file in distribution.files or ():
        if ending in file.name:
            yield Path(str(distribution.locate_file(file)))


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0]
