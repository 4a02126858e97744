"""Which modules an adapter sits on: of a base with eyes or ears, those of its language side alone.

Invariant: what a model sees is never trained here, for no proof covers it. A tower has projections of the same names as
the language model's; names alone would adapt it too, or fail on its own kinds of layer (Gemma4ClippableLinear).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

LANGUAGE_MODEL = "language_model"
"""What transformers calls the language side of its multimodal models."""

TOWERS = ("vision_tower", "audio_tower", "embed_vision", "embed_audio", "multi_modal_projector")
"""What it calls the rest."""


def adapted_modules(names: Iterable[str], *, targets: Sequence[str]) -> list[str] | str:
    """`target_modules` for PEFT: the targets themselves, or a pattern of them below the language model of a model
    whose modules have these names."""
    if not any(LANGUAGE_MODEL in name.split(".") for name in names):
        return list(targets)
    return rf".*\b{LANGUAGE_MODEL}\..*\.({'|'.join(map(re.escape, targets))})"
