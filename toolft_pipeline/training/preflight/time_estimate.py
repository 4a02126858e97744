"""About how long training takes, from the model's shape, the rows drawn and this machine's speed as it is now.

Two kinds of work are reckoned apart, because machines differ in them apart: matrix products, at the speed of a product
in the type that training computes in, and everything that walks over activations and logits without multiplying
matrices (norms, casts, activation functions, the softmax), at the speed of such a walk. Speeds are means over a moment,
not bests: on a busy machine training is slow too.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from toolft_pipeline.compute_type import ComputeType, MatrixProduct
from toolft_pipeline.settings import TrainingSettings
from toolft_pipeline.training.preflight.model_shape import ModelShape
from toolft_pipeline.training.rows.sampling import Drawn
from toolft_pipeline.training.runtime.model_device import model_device

if TYPE_CHECKING:
    import torch

PRODUCT_EFFICIENCY = 0.8
"""Share of the measured product's speed that the products of a training step reach on a CPU."""

CUDA_EFFICIENCY = 0.35
"""Share of a plain product's speed that a whole training step reaches on CUDA."""

WALKS = 90.0
"""Times that a layer's forward and backward pass walk over each of its widths (hidden, query, keys, values, MLP)."""

LOGIT_WALKS = 8.0
"""Times that the loss walks over each logit of a labelled position."""

LAYER_SECONDS = 0.004
"""What starting the operations of one layer takes in a step, whatever their size."""

_MEASURED_S = 0.2


def estimate_seconds(*, shape: ModelShape, drawn: Drawn, training: TrainingSettings, compute: ComputeType) -> float:
    """Seconds for all epochs."""
    device = model_device()
    tokens = drawn.train.tokens * training.epochs
    share = drawn.train.loss_tokens / max(1, drawn.train.tokens)
    head = 4 * share * shape.vocabulary * shape.hidden
    operations = 4 * shape.linear + 6 * shape.adapter + head  # a token
    if device.type != "cpu":
        return (
            tokens * operations / (CUDA_EFFICIENCY * _product_speed(MatrixProduct(4096, 4096, 4096), compute, device))
        )
    batch = training.packed_length * training.batch_size
    product = MatrixProduct(min(batch, 2048), shape.hidden, shape.intermediate)
    products = operations / (PRODUCT_EFFICIENCY * _product_speed(product, compute, device))
    layers, layer = len(shape.decoder), shape.decoder[0]
    widths = shape.hidden + layer.query + 2 * layer.key + shape.intermediate
    walked = WALKS * layers * widths + LOGIT_WALKS * share * shape.vocabulary  # numbers a token
    return tokens * (products + walked / _walking_speed()) + tokens / batch * layers * LAYER_SECONDS


def _product_speed(product: MatrixProduct, compute: ComputeType, device: torch.device) -> float:
    """Floating-point operations a second of one matrix product."""
    return product.operations / _mean_seconds(product.ready(compute.dtype, device=device))


def _walking_speed() -> float:
    """Float32 numbers a second that a product of two arrays, number by number, walks over."""
    import torch

    left, right = torch.ones(512, 2048), torch.ones(512, 2048)
    out = left * right
    return left.numel() / _mean_seconds(lambda: torch.mul(left, right, out=out))


def _mean_seconds(work: Callable[[], Any]) -> float:
    """Mean time of some work, after a first time that is not counted."""
    work()
    began, times = time.perf_counter(), 0
    while times < 2 or time.perf_counter() - began < _MEASURED_S:
        work()
        times += 1
    return (time.perf_counter() - began) / times
