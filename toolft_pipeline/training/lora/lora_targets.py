"""The modules that an adapter trains: of a multimodal base, those of its language model alone.

Invariant: vision and audio towers are never trained, because no proof covers them. A tower has projections of the same
names as the language model; names alone would adapt it too, or fail on its layer types (Gemma4ClippableLinear).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from toolft_pipeline.training.lora.model_families import ALL_TOWERS, LANGUAGE_MODEL


def target_modules_for_peft(names: Iterable[str], *, targets: Sequence[str]) -> list[str] | str:
    """`target_modules` for PEFT: the targets themselves, or for a multimodal model a pattern that matches them in its
    language model. `names` are the model's modules."""
    if not any(LANGUAGE_MODEL in name.split(".") for name in names):
        return list(targets)
    return rf".*\b{LANGUAGE_MODEL}\..*\.({'|'.join(map(re.escape, targets))})"


def outside_language_model(names: Iterable[str]) -> Iterator[str]:
    """The modules or parameters of a model that belong to a vision or audio tower."""
    listed = [(name, set(name.split("."))) for name in names]
    multimodal = any(LANGUAGE_MODEL in parts for _, parts in listed)
    return (name for name, parts in listed if parts & ALL_TOWERS or (multimodal and LANGUAGE_MODEL not in parts))
