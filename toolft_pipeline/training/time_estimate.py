"""About how long training takes, from the model's shape, the rows drawn and this machine's speed as it is now.

Two kinds of work are reckoned apart, because machines differ in them apart: matrix products, at the speed of a product
in the type that training computes in, and everything that walks over activations and logits without multiplying
matrices (norms, casts, activation functions, the softmax), at the speed of such a walk.
"""

from __future__ import annotations

import time

from toolft_pipeline.compute_type import ComputeType, measure_products
from toolft_pipeline.settings import TrainingSettings
from toolft_pipeline.training.draw import Drawn
from toolft_pipeline.training.model_shape import ModelShape

PRODUCT_EFFICIENCY = 0.6
"""Share of the measured product's speed that the products of a training step reach on a CPU."""

CUDA_EFFICIENCY = 0.35
"""Share of a plain product's speed that a whole training step reaches on CUDA."""

WALKS = 420.0
"""Numbers that a layer's forward and backward pass walk over for each token, in units of its widths (hidden, query,
keys, values and MLP together)."""

LOGIT_WALKS = 8.0
"""Times that the loss walks over each logit of a labelled position."""

LAYER_SECONDS = 0.004
"""What starting the operations of one layer takes in a step, whatever their size."""


def estimate_seconds(*, shape: ModelShape, drawn: Drawn, training: TrainingSettings, compute: ComputeType) -> float:
    """Seconds for all epochs."""
    import torch

    tokens = drawn.train.tokens * training.epochs
    share = drawn.train.loss_tokens / max(1, drawn.train.tokens)
    head = 4 * share * shape.vocabulary * shape.hidden
    products = 4 * shape.linear + 6 * shape.adapter + head  # operations a token
    if torch.cuda.is_available():
        return tokens * products / (CUDA_EFFICIENCY * _cuda_speed(compute))
    widths = shape.hidden + 2 * shape.head * (shape.heads + shape.key_value_heads) + 2 * shape.intermediate
    walked = WALKS * shape.layers * widths + LOGIT_WALKS * share * shape.vocabulary  # numbers a token
    steps = tokens / (training.packed_length * training.batch_size)
    seconds_a_token = products / (PRODUCT_EFFICIENCY * measure_products().of(compute)) + walked / _walking_speed()
    return tokens * seconds_a_token + steps * shape.layers * LAYER_SECONDS


def _cuda_speed(compute: ComputeType) -> float:
    """Floating-point operations a second of a product on the GPU, measured for 0.2 s."""
    import torch

    left = torch.ones(4096, 4096, dtype=compute.dtype, device="cuda")
    float((left @ left)[0, 0])
    began, products = time.perf_counter(), 0
    while time.perf_counter() - began < 0.2:
        float((left @ left)[0, 0])
        products += 1
    return products * 2 * 4096**3 / (time.perf_counter() - began)


def _walking_speed() -> float:
    """Float32 numbers a second that one multiplication of two arrays of a packed row's size walks over: the best of
    0.1 s."""
    import torch

    left, right = torch.ones(512, 2048), torch.ones(512, 2048)
    out = left * right
    best, began = float("inf"), time.perf_counter()
    while time.perf_counter() - began < 0.1:
        started = time.perf_counter()
        torch.mul(left, right, out=out)
        best = min(best, time.perf_counter() - started)
    return left.numel() / best
