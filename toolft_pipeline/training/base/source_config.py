"""The config of the base model that an agent file names, without its weights.

Invariant: of a hub id only config.json is fetched, of a folder only config.json is read, of a package only the metadata
of its GGUF file. Nothing is written beside the temporary copy of a GGUF file that is installed in chunks.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.training.base.base_config import config_problem, load_config
from toolft_pipeline.training.base.base_model import as_base_model_error, quiet_transformers
from toolft_pipeline.training.base.packaged_gguf import BaseModelError, find_gguf

if TYPE_CHECKING:
    from transformers import PreTrainedConfig


def source_config(settings: AgentSettings) -> PreTrainedConfig:
    """The config of `base_model`. Raises `BaseModelError` if the source is missing or cannot be trained."""
    source = settings.base_model
    if source.package is not None:
        return _of_package(source.package)
    if source.folder is not None:
        folder = settings.path(source.folder)
        what = f"base_model.folder {folder}"
        if not (folder / "config.json").is_file():
            raise BaseModelError(f"{what}: no config.json; name a model folder in Hugging Face layout")
        config = load_config(folder)
    else:
        what = f"base_model.hub {source.hub}"
        with as_base_model_error(f"{what}: its config.json cannot be fetched; check id, network and HF_TOKEN"):
            config = load_config(source.hub or "", revision=source.revision)
    if problem := config_problem(config, quantized=getattr(config, "quantization_config", None)):
        raise BaseModelError(f"{what}: {problem}")
    return config


def _of_package(package: str) -> PreTrainedConfig:
    from transformers import AutoConfig

    gguf = find_gguf(package)
    with tempfile.TemporaryDirectory(prefix="toolft-") as place, quiet_transformers():
        path = gguf.as_one_file(Path(place))
        with as_base_model_error(f"base_model.package {package}: transformers cannot read the metadata of {gguf.name}"):
            config: PreTrainedConfig = AutoConfig.from_pretrained(path.parent, gguf_file=path.name)
    return config
