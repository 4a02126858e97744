"""The sizes of a base model with its adapter, without loading weights.

Invariant: the classes that will train are built on PyTorch's meta device from the folder's config: transformers fills
in the defaults of a sparse hub config, and PEFT itself creates the adapter that is counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolft_pipeline.settings import TrainingSettings
from toolft_pipeline.training.base.meta_model import add_adapter, meta_model
from toolft_pipeline.training.lora.model_families import TOWERS
from toolft_pipeline.training.sft.full_weights import train_all_weights

if TYPE_CHECKING:
    import torch

LONG = 1 << 20
"""Positions of a model whose config sets no limit."""

_DECODER_LAYER = re.compile(r"^(.*\blayers\.\d+)\.")
_TOWER = re.compile(rf"\b({'|'.join(TOWERS)})\b")


@dataclass(frozen=True, kw_only=True)
class LayerShape:
    """Widths of one decoder layer, in elements a token."""

    norms: int
    """Inputs of all norms."""
    adapter_inputs: int
    """Inputs of all trained projections, each counted separately."""
    distinct_adapter_inputs: int
    """The same, with a tensor that several projections read counted once."""
    query: int
    """All query heads together."""
    key: int
    """All key heads together."""
    heads: int
    inner: int
    """Width of the MLP."""


@dataclass(frozen=True, kw_only=True)
class ModelShape:
    """Sizes of the language model, and parameter counts by kind."""

    hidden: int
    intermediate: int
    """Width of the widest MLP."""
    vocabulary: int
    decoder: tuple[LayerShape, ...]
    layer_inputs: int
    """Elements a token that each layer receives besides the hidden state (per-layer embeddings of Gemma 4 E)."""
    linear: int
    """Parameters of the projections that can be quantized: all but the output head and the towers."""
    largest_linear: int
    """Parameters of the largest of them."""
    other: int
    """All other frozen parameters: embeddings, output head, norms, and the towers of a multimodal base."""
    trained: int
    """Trained parameters: the adapter, or all of the language model."""
    dropout: bool
    """Whether the adapter uses dropout."""
    positions: int
    """Tokens of the longest row that the model can place."""


def read_shape(base: Path, training: TrainingSettings) -> ModelShape:
    """Build base and adapter on the meta device. Raises `BaseModelError` or, for the adapter, `TrainingDataError`."""
    full = training.method == "full"
    model: Any = meta_model(base)
    if full:
        train_all_weights(model)
    else:
        model = add_adapter(model, training)
    config = model.config.get_text_config() if full else model.get_base_model().config.get_text_config()
    linears = _quantizable(model)
    decoder = tuple(_layer(modules, config=config, full=full) for modules in _decoder_layers(model))
    parameters = {id(parameter): parameter for parameter in model.parameters()}.values()  # tied ones count once
    trained = sum(parameter.numel() for parameter in parameters if parameter.requires_grad)
    linear = sum(module.weight.numel() for module in linears.values())
    return ModelShape(
        hidden=config.hidden_size,
        intermediate=max(layer.inner for layer in decoder),
        vocabulary=config.vocab_size,
        decoder=decoder,
        layer_inputs=getattr(config, "hidden_size_per_layer_input", None) or 0,
        linear=linear,
        largest_linear=max(module.weight.numel() for module in linears.values()),
        other=sum(parameter.numel() for parameter in parameters) - trained - (0 if full else linear),
        trained=trained,
        dropout=not full and model.peft_config["default"].lora_dropout > 0,
        positions=getattr(config, "max_position_embeddings", None) or LONG,
    )


def _quantizable(model: Any) -> dict[str, torch.nn.Linear]:
    """The linear layers that bitsandbytes replaces."""
    import torch

    head = model.get_output_embeddings()
    return {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear)
        and module is not head
        and ".lora_" not in name
        and not _TOWER.search(name)
    }


def _decoder_layers(model: Any) -> Iterator[dict[str, Any]]:
    """The modules of each decoder layer, by their names within it."""
    layers: dict[str, dict[str, Any]] = {}
    for name, module in model.named_modules():
        match = _DECODER_LAYER.match(name)
        if match and not _TOWER.search(name):
            layers.setdefault(match[1], {})[name[match.end() :]] = module
    yield from layers.values()


def _layer(modules: dict[str, Any], *, config: Any, full: bool) -> LayerShape:
    import torch

    linears = {name: module for name, module in modules.items() if isinstance(module, torch.nn.Linear)}
    outputs = {name.removesuffix(".base_layer").rpartition(".")[2]: m.out_features for name, m in linears.items()}
    heads = config.num_attention_heads
    query = outputs.get("q_proj", config.hidden_size)  # a fused projection has another name: its input width
    key = outputs.get("k_proj", query)  # a layer that shares keys of another layer
    norms = {"q_norm": query, "k_norm": key, "v_norm": key}
    adapted = [
        (name.removesuffix(".base_layer").rpartition(".")[0], module.in_features)
        for name, module in linears.items()
        if full or name.endswith(".base_layer")
    ]
    return LayerShape(
        norms=sum(
            norms.get(name.rpartition(".")[2], config.hidden_size)
            for name, module in modules.items()
            if type(module).__name__.endswith("Norm")
        ),
        adapter_inputs=sum(width for _, width in adapted),
        distinct_adapter_inputs=sum(width for _, width in set(adapted)),
        query=query,
        key=key,
        heads=heads,
        inner=max(module.in_features for module in linears.values()),  # the MLP's down projection
    )
