"""Estimate how long training takes from the model's shape, the drawn rows and the machine's current speed.

Two kinds of work are estimated separately, because machines differ in each: matrix products, at the measured speed of a
product in the compute type, and elementwise operations on activations and logits (norms, casts, activation functions,
softmax), at the measured speed of one. Speeds are means, not bests: on a busy machine training is slow too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from toolft_pipeline.compute_type import ComputeType, MatrixProduct
from toolft_pipeline.settings import TrainingSettings
from toolft_pipeline.training.choice.held_out_steps import BATCH, HeldOutStep, draw_steps
from toolft_pipeline.training.preflight.model_shape import ModelShape
from toolft_pipeline.training.rows.sampling import DrawnRows
from toolft_pipeline.training.runtime.model_device import model_device
from toolft_pipeline.training.sft.sft import VALIDATIONS

if TYPE_CHECKING:
    import torch

PRODUCT_EFFICIENCY = 0.8
"""Speed of the products of a training step on a CPU, as a share of the measured speed."""

CUDA_EFFICIENCY = 0.35
"""Speed of a whole training step on CUDA, as a share of the measured speed of a product."""

ELEMENTWISE_PASSES = 90.0
"""Elementwise passes of a layer's forward and backward pass over each width (hidden, query, key, value, MLP)."""

LOGIT_PASSES = 8.0
"""Elementwise passes of the loss over each logit of a labelled position."""

LAYER_SECONDS = 0.004
"""Fixed overhead of one layer in a step."""

_MEASURED_S = 0.2


FRESH_PROCESS_SECONDS = 15.0
"""Importing the libraries, loading the base and merging the adapter, before held-out steps are generated."""


def estimate_seconds(*, shape: ModelShape, drawn: DrawnRows, training: TrainingSettings, compute: ComputeType) -> float:
    """Seconds for all epochs, and for generating the held-out steps by which a checkpoint is chosen."""
    steps = draw_steps(drawn.validation.ids, seed=training.seed) if training.choose_by == "exact_match" else []
    return _epochs_seconds(shape=shape, drawn=drawn, training=training, compute=compute) + (
        evaluations(training) * _generation_seconds(steps, shape=shape, compute=compute) if steps else 0.0
    )


def evaluations(training: TrainingSettings) -> int:
    """Evaluations of a run: `VALIDATIONS`, or by a share of its steps in `training.sft`."""
    share = training.sft.get("eval_steps")
    return round(1 / share) if isinstance(share, float) and 0 < share < 1 else VALIDATIONS


def _generation_seconds(steps: Sequence[HeldOutStep], *, shape: ModelShape, compute: ComputeType) -> float:
    """Seconds to generate the steps once: their prompts in one pass each, then `BATCH` answers token by token."""
    device = model_device()
    prompts, turns = (sum(len(ids) for ids in each) for each in zip(*((s.prompt, s.turn) for s in steps), strict=True))
    head = 2 * shape.vocabulary * shape.hidden
    wide = _product_speed(MatrixProduct(512, shape.hidden, shape.intermediate), compute, device)
    narrow = _product_speed(MatrixProduct(BATCH, shape.hidden, shape.intermediate), compute, device)
    products = prompts * 2 * shape.linear / wide + turns * (2 * shape.linear + head) / narrow
    return FRESH_PROCESS_SECONDS + products + turns / BATCH * len(shape.decoder) * LAYER_SECONDS


def _epochs_seconds(*, shape: ModelShape, drawn: DrawnRows, training: TrainingSettings, compute: ComputeType) -> float:
    device = model_device()
    tokens = drawn.train.tokens * training.epochs
    share = drawn.train.loss_tokens / max(1, drawn.train.tokens)
    head = (6 if training.method == "full" else 4) * share * shape.vocabulary * shape.hidden
    base = 2 * shape.linear + 3 * head / 2 if training.kl_weight else 0.0  # its forward pass, and three projections
    linear = 6 * shape.linear if training.method == "full" else 4 * shape.linear + 6 * shape.trained
    operations = linear + head + base  # a token
    if device.type != "cpu":
        return (
            tokens * operations / (CUDA_EFFICIENCY * _product_speed(MatrixProduct(4096, 4096, 4096), compute, device))
        )
    batch = training.packed_length * training.batch_size
    product = MatrixProduct(min(batch, 2048), shape.hidden, shape.intermediate)
    products = operations / (PRODUCT_EFFICIENCY * _product_speed(product, compute, device))
    layers, layer = len(shape.decoder), shape.decoder[0]
    widths = shape.hidden + layer.query + 2 * layer.key + shape.intermediate
    passes = (ELEMENTWISE_PASSES, LOGIT_PASSES) if not training.kl_weight else (4 / 3 * ELEMENTWISE_PASSES, 20.0)
    elements = passes[0] * layers * widths + passes[1] * share * shape.vocabulary  # a token
    return tokens * (products + elements / _elementwise_speed()) + tokens / batch * layers * LAYER_SECONDS


def _product_speed(product: MatrixProduct, compute: ComputeType, device: torch.device) -> float:
    """Floating-point operations a second of one matrix product."""
    return product.operations / _mean_seconds(product.ready(compute.dtype, device=device))


def _elementwise_speed() -> float:
    """Float32 elements a second of an elementwise product of two arrays."""
    import torch

    left, right = torch.ones(512, 2048), torch.ones(512, 2048)
    out = left * right
    return left.numel() / _mean_seconds(lambda: torch.mul(left, right, out=out))


def _mean_seconds(work: Callable[[], Any]) -> float:
    """Mean time of `work` after one warm-up call."""
    work()
    began, times = time.perf_counter(), 0
    while times < 2 or time.perf_counter() - began < _MEASURED_S:
        work()
        times += 1
    return (time.perf_counter() - began) / times
