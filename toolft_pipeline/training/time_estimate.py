"""About how long training takes, from the model's shape, the rows drawn and this machine's speed as it is now."""

from __future__ import annotations

import time

from toolft_pipeline.settings import TrainingSettings
from toolft_pipeline.training.draw import Drawn
from toolft_pipeline.training.model_device import model_device
from toolft_pipeline.training.model_shape import ModelShape

EFFICIENCY = 0.35
"""Share of a plain matrix product's speed that training reaches: Gemma 3 270M in NF4 on two CPU cores."""


def estimate_seconds(*, shape: ModelShape, drawn: Drawn, training: TrainingSettings) -> float:
    """Seconds for all epochs."""
    share = drawn.train.loss_tokens / max(1, drawn.train.tokens)
    work = 4 * shape.linear + 6 * shape.adapter + 8 * share * shape.vocabulary * shape.hidden  # operations a token
    return drawn.train.tokens * training.epochs * work / (EFFICIENCY * matrix_speed())


def matrix_speed() -> float:
    """Floating-point operations a second of a bf16 product on this machine as it is now, measured for 0.2 s."""
    import torch

    device = model_device()
    left = torch.ones(512, 1024, dtype=torch.bfloat16, device=device)
    right = torch.ones(1024, 2048, dtype=torch.bfloat16, device=device)
    float((left @ right)[0, 0])
    began, products = time.perf_counter(), 0
    while time.perf_counter() - began < 0.2:
        float((left @ right)[0, 0])
        products += 1
    return products * 2 * 512 * 1024 * 2048 / (time.perf_counter() - began)
