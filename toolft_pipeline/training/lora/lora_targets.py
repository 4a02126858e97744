"""Which modules an adapter sits on: of a base with eyes or ears, those of its language side alone.

Invariant: what a model sees is never trained here, for no proof covers it. A tower has projections of the same names as
the language model's; names alone would adapt it too, or fail on its own kinds of layer (Gemma4ClippableLinear).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

LANGUAGE_MODEL = "language_model"
"""What transformers calls the language side of its multimodal models."""

TOWERS = ("vision_tower", "audio_tower", "embed_vision", "embed_audio", "multi_modal_projector")
"""What it calls the rest."""


_TOWERS = {*TOWERS, "visual", "vision_model", "audio_model", "audio_encoder"}
"""The same, with the names of families whose language side is not called `language_model`."""


def target_modules_for_peft(names: Iterable[str], *, targets: Sequence[str]) -> list[str] | str:
    """`target_modules` for PEFT: the targets themselves, or a pattern of them below the language model of a model
    whose modules have these names."""
    if not any(LANGUAGE_MODEL in name.split(".") for name in names):
        return list(targets)
    return rf".*\b{LANGUAGE_MODEL}\..*\.({'|'.join(map(re.escape, targets))})"


def outside_language_model(names: Iterable[str]) -> Iterator[str]:
    """Of modules or parameters of one model, those that belong to a tower: to what sees or hears."""
    listed = [(name, set(name.split("."))) for name in names]
    multimodal = any(LANGUAGE_MODEL in parts for _, parts in listed)
    return (name for name, parts in listed if parts & _TOWERS or (multimodal and LANGUAGE_MODEL not in parts))
