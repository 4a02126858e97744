"""Convert an open model from a package, a folder or the hub to bf16 safetensors with its tokenizer.

Invariant: the source's digest is checked before anything is converted, and the same source gives the same folder.
"""

from __future__ import annotations

import functools
import hashlib
import io
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from toolft_pipeline.chat.rendering.processor import PROCESSOR_FILES
from toolft_pipeline.settings import AgentSettings, BaseModelSettings
from toolft_pipeline.training.base.base_config import config_problem, load_config
from toolft_pipeline.training.base.packaged_gguf import BaseModelError, find_gguf
from toolft_pipeline.training.base.snapshot import (
    copy_model,
    count_parameters,
    dtypes,
    stored_quantization,
    weight_files,
)
from toolft_pipeline.training.runtime.heartbeat import Heartbeat, heartbeat

if TYPE_CHECKING:
    from collections.abc import Iterator

MODEL_FOLDER = "model"
_VOLATILE_TOKENIZER_KEYS = ("name_or_path", "local_files_only", "is_local")


@dataclass(frozen=True, kw_only=True)
class BaseModelSummary:
    """The contents of `model/`."""

    source: str
    architecture: str
    parameters: int
    vocabulary: int


def source_name(settings: BaseModelSettings) -> str:
    """A name of the base model that is the same on every machine, for adapters and model cards."""
    return settings.package or settings.hub or Path(settings.folder or "").name


def convert_base_model(*, settings: AgentSettings, out: Path, progress: Callable[[str], None]) -> BaseModelSummary:
    """Write `out/model`. Raises `BaseModelError` if the source is missing, is not a model, or has another digest."""
    source, model = settings.base_model, out / MODEL_FOLDER
    with heartbeat(progress=progress) as beat:
        if source.package is not None:
            _from_package(source, model, beat)
        elif source.folder is not None:
            _from_folder(source, settings.path(source.folder), model, beat)
        else:
            _from_hub(source, model, beat)
        make_portable(model)
        summary = summarize(settings=settings, model=model)
        beat.log(f"{summary.source}: {summary.architecture}, {summary.parameters / 1e6:.0f} M parameters in bf16")
    return summary


def summarize(*, settings: AgentSettings, model: Path) -> BaseModelSummary:
    """Describe a converted folder."""
    config = load_config(model)
    return BaseModelSummary(
        source=source_name(settings.base_model),
        architecture=(config.architectures or ["unnamed architecture"])[0],
        parameters=count_parameters(model),
        vocabulary=config.get_text_config().vocab_size,
    )


def _from_package(source: BaseModelSettings, model: Path, beat: Heartbeat) -> None:
    gguf = find_gguf(source.package or "")
    beat.activity = f"checking the sha256 of {gguf.name}"
    digest = gguf.sha256()
    _check_digest(source, digest, what=f"base_model.package {source.package}: {gguf.name}")
    with tempfile.TemporaryDirectory(dir=model.parent, prefix=".gguf-") as place:
        path = gguf.as_one_file(Path(place))
        beat.log(f"converting {gguf.name} ({path.stat().st_size / 1e6:.0f} MB) to bf16 safetensors")
        _convert_gguf(path, model, beat)


def _convert_gguf(path: Path, model: Path, beat: Heartbeat) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    what = f"{path.name}: transformers cannot convert this GGUF file"
    with quiet_transformers(), as_base_model_error(what), _parsed_once():
        beat.activity = "converting the tokenizer"
        AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name).save_pretrained(model)
        beat.activity = "dequantizing the weights"
        with redirect_stderr(io.StringIO()):  # its progress bar cannot be switched off
            weights = AutoModelForCausalLM.from_pretrained(
                path.parent,
                gguf_file=path.name,
                quantization_config=GgufConfig(dequantize=True),
                dtype=torch.bfloat16,
                device_map={"": "cpu"},  # this step reserves no accelerator
            )
        if hasattr(weights.config, "quantization_config"):
            del weights.config.quantization_config
        beat.activity = "writing the weights"
        weights.save_pretrained(model)


@contextmanager
def _parsed_once() -> Iterator[None]:
    """Let transformers' three readers of a GGUF file (tokenizer, config, weights) share what is parsed: 8 s each for a
    vocabulary of 262,144, in Python."""
    import gguf

    reader = gguf.GGUFReader
    gguf.GGUFReader = functools.cache(reader)
    try:
        yield
    finally:
        gguf.GGUFReader = reader


def _from_folder(source: BaseModelSettings, folder: Path, model: Path, beat: Heartbeat) -> None:
    what = f"base_model.folder {folder}"
    for name in ("config.json", "tokenizer_config.json"):
        if not (folder / name).is_file():
            raise BaseModelError(f"{what}: no {name}; name a model folder in Hugging Face layout")
    weights = weight_files(folder)
    if problem := config_problem(load_config(folder), quantized=stored_quantization(folder)):
        raise BaseModelError(f"{what}: {problem}")
    if source.sha256 is not None:
        if len(weights) != 1:
            raise BaseModelError(
                f"{what}: base_model.sha256 pins one file, but there are {len(weights)} weight files; remove it"
            )
        beat.activity = f"checking the sha256 of {weights[0].name}"
        with weights[0].open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        _check_digest(source, digest, what=f"{what}: {weights[0].name}")
    if dtypes(folder) == {"BF16"}:
        beat.activity = "copying the model folder"
        copy_model(folder, model)
        if not (model / "tokenizer.json").is_file():
            with as_base_model_error(f"{what}: its tokenizer cannot be converted to tokenizer.json"):
                _save_tokenizer(str(folder), model)
    else:
        with as_base_model_error(f"{what}: transformers cannot load it"):
            _load_and_save(str(folder), None, model, beat)


def _from_hub(source: BaseModelSettings, model: Path, beat: Heartbeat) -> None:
    hub = source.hub or ""
    with as_base_model_error(
        f"base_model.hub {hub}: cannot be downloaded or loaded; check id, network and HF_TOKEN, or name a folder"
    ):
        config = load_config(hub, revision=source.revision)
        if problem := config_problem(config, quantized=getattr(config, "quantization_config", None)):
            raise BaseModelError(f"base_model.hub {hub}: {problem}")
        _load_and_save(hub, source.revision, model, beat)


def _load_and_save(name: str, revision: str | None, model: Path, beat: Heartbeat) -> None:
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.utils import cached_file

    with quiet_transformers():
        beat.activity = f"loading the tokenizer of {name}"
        _save_tokenizer(name, model, revision=revision)
        for file in PROCESSOR_FILES:
            cached = cached_file(name, file, revision=revision, _raise_exceptions_for_missing_entries=False)
            if cached is not None:
                shutil.copyfile(cached, model / file)
        beat.activity = f"loading the weights of {name}"
        weights = AutoModelForCausalLM.from_pretrained(
            name, revision=revision, dtype=torch.bfloat16, device_map={"": "cpu"}
        )
        beat.activity = "writing the weights"
        weights.save_pretrained(model)


def _save_tokenizer(name: str, model: Path, *, revision: str | None = None) -> None:
    from transformers import AutoTokenizer

    AutoTokenizer.from_pretrained(name, revision=revision).save_pretrained(model)


def _check_digest(source: BaseModelSettings, digest: str, *, what: str) -> None:
    if source.sha256 is not None and source.sha256.lower() != digest:
        raise BaseModelError(
            f"{what}: sha256 is {digest}, base_model.sha256 pins {source.sha256}; "
            "install the pinned file again, or pin the new digest if you trust it"
        )


def make_portable(model: Path) -> None:
    """Remove the source's path from a model folder's JSON files."""
    for name, keys in {"tokenizer_config.json": _VOLATILE_TOKENIZER_KEYS, "config.json": ("_name_or_path",)}.items():
        document = msgspec.json.decode((model / name).read_bytes())
        kept = {key: value for key, value in document.items() if key not in keys}
        (model / name).write_bytes(msgspec.json.format(msgspec.json.encode(kept), indent=2) + b"\n")


@contextmanager
def as_base_model_error(what: str) -> Iterator[None]:
    """Turn any exception of a library into a `BaseModelError` of one line, with the cause chained."""
    try:
        yield
    except BaseModelError:
        raise
    except Exception as error:
        raise BaseModelError(f"{what} ({type(error).__name__}: {' '.join(str(error).split())[:300]})") from error


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Switch off transformers' progress bars: a log keeps only the lines of `progress`."""
    from transformers.utils import logging

    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    bars = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if bars:
            logging.enable_progress_bar()
