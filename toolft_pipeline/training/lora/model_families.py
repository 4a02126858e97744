"""What transformers calls the parts of the model families that this project supports: add a family here.

Invariant: no other module names a class, a tower or a projection of a family. `test_model_families` fails where an
entry does not match transformers' classes, or where a family lacks a chat format or a test snapshot.
"""

from __future__ import annotations

from dataclasses import dataclass

LANGUAGE_MODEL = "language_model"
"""The module that holds the decoder in transformers' multimodal classes."""

CAUSAL_LM_SUFFIXES = ("ForCausalLM", "ForConditionalGeneration")
"""How transformers names the classes that generate text."""

PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
"""The linear layers of a decoder layer: the default of `training.target_modules`."""


@dataclass(frozen=True, kw_only=True)
class ModelFamily:
    """One family: its chat format, its classes, and where its parts are."""

    chat_format: str
    classes: tuple[str, ...]
    """transformers' classes, text-only and multimodal."""
    towers: tuple[str, ...] = ()
    """Modules of the multimodal class besides the decoder: they encode images and sound."""
    projections: tuple[str, ...] = PROJECTIONS


FAMILIES = (
    ModelFamily(
        chat_format="gemma3",
        classes=("Gemma3ForCausalLM", "Gemma3ForConditionalGeneration"),
        towers=("vision_tower", "multi_modal_projector"),
    ),
    ModelFamily(
        chat_format="gemma4",
        classes=("Gemma4ForCausalLM", "Gemma4ForConditionalGeneration"),
        towers=("vision_tower", "audio_tower", "embed_vision", "embed_audio"),
    ),
    ModelFamily(chat_format="qwen3", classes=("Qwen3ForCausalLM",)),
    ModelFamily(chat_format="llama3", classes=("LlamaForCausalLM",)),
)

TOWERS = tuple(dict.fromkeys(tower for family in FAMILIES for tower in family.towers))
"""Towers of the supported families."""

ALL_TOWERS = frozenset({*TOWERS, "visual", "vision_model", "audio_model", "audio_encoder"})
"""The same, with the names of families whose decoder is not called `language_model`."""
