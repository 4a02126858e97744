"""Load what is needed to serve a merged model, but for its weights: tools, validator, tokenizer, prompts.

Invariant: the prompter is the one that evaluation makes of the same folder, by the same function, so that a served
prompt equals the judged one id by id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from toolft_pipeline.catalog.build import load_catalog
from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.engines.model_loading import load_tokenizer
from toolft_pipeline.evaluation.models.prompting import ModelUnderTest, ServedPrompter, make_prompter
from toolft_pipeline.serving.routing.find_model import find_model, verify_model
from toolft_pipeline.serving.routing.served_adapter import served_adapter
from toolft_pipeline.serving.routing.trained_with import trained_with
from toolft_pipeline.serving.served_model import ServedModel
from toolft_pipeline.settings import AgentSettings, ChatSettings
from toolft_pipeline.warehouse.store import Version, Warehouse

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

MODEL_FOLDER = "model"

_TOKENIZERS: WeakValueDictionary[tuple[tuple[str, str], ...], PreTrainedTokenizerBase] = WeakValueDictionary()
"""Tokenizers in use, by the digests of their files: a day's model mostly has the tokenizer of the day before, and
loading Gemma's takes seconds, longer than loading the weights."""


def load_served_model(warehouse: Warehouse, settings: AgentSettings, version: str | None = None) -> ServedModel:
    """Load the model in service (None), that of an as-of day, or the newest (`candidate`); verifies its files.

    Raises `ModelNotServableError`, `WarehouseError` or `DecodingError`, each one line with the fix.
    """
    return load_version(warehouse, settings, find_model(warehouse, settings.name, version))


def load_version(warehouse: Warehouse, settings: AgentSettings, version: Version) -> ServedModel:
    """The same for a version that was found already."""
    verify_model(warehouse, version)
    training = trained_with(warehouse, version)
    catalog = load_catalog(training.catalog.folder)
    chat = ChatSettings.model_validate({**settings.chat.model_dump(mode="json"), **training.chat})
    folder, manifest = version.file(MODEL_FOLDER), version.manifest
    prompter = make_prompter(
        ModelUnderTest(name=manifest.content_digest[:16], folder=folder),
        chat=chat,
        catalog=catalog,
        tokenizer=_tokenizer(version),
        examples=tuple,
    )
    assert isinstance(prompter, ServedPrompter), "a model without a prompt policy is prompted by its saved template"
    return ServedModel(
        agent=manifest.address.agent,
        day=manifest.address.partition or "",
        content_digest=manifest.content_digest,
        adapter_digest=training.adapter_digest,
        folder=folder,
        catalog=catalog,
        catalog_digest=training.catalog.manifest.content_digest,
        validator=CatalogValidator(catalog),
        prompter=prompter,
        adapter=served_adapter(warehouse, version) if settings.serving.engine.adapters else None,
    )


def _tokenizer(version: Version) -> PreTrainedTokenizerBase:
    """The tokenizer of a version, shared with another model that has the same files."""
    files = [each for each in version.manifest.files if each.content and not each.path.endswith(".safetensors")]
    key = tuple(sorted((each.path, each.sha256) for each in files))
    tokenizer = _TOKENIZERS.get(key)
    if tokenizer is None:
        tokenizer = _TOKENIZERS[key] = load_tokenizer(version.file(MODEL_FOLDER))
    return tokenizer
