"""Compare the weights of a merged model with base plus adapter, module by module.

Invariant: the expected weights come from PEFT running the unmerged adapter, never from the merge code. A layer applied
to unit vectors returns columns of its weights, whatever its type of adapter; base plus adapter, rounded to bf16 once,
is the best result of a merge. The tolerance is relative to that rounding and to the adapter's share.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

COLUMNS = 64
"""Columns that are compared per module, evenly spaced: a low-rank adapter changes all of them."""

MAX_WRONG_SHARE = 0.25
"""Allowed error beyond rounding, as a share of what the adapter adds to a module. A scale of twice or half the correct
one gives 0.5 or more, a module that was not merged gives 1, a correct merge 0.01 to 0.1."""


@dataclass(frozen=True, kw_only=True)
class ModuleColumns:
    """Columns of one adapted module in bf16: those of a correct merge, and those of the base."""

    places: torch.Tensor
    right: torch.Tensor
    base: torch.Tensor


def untouched_weights(model: Any, *, adapted: Iterable[str]) -> dict[str, str]:
    """Digests of the parameters outside adapted modules, by name; 4-bit parameters are left out.

    A merge must keep these bit for bit. `adapted` names the modules with an adapter.
    """
    prefixes = tuple(f"{name}." for name in adapted)
    return {
        name: _digest(parameter)
        for name, parameter in model.named_parameters()
        if parameter.is_floating_point() and not name.startswith(prefixes)
    }


def _digest(values: torch.Tensor) -> str:
    import torch

    data = values.detach().cpu().contiguous().flatten().view(torch.uint8)
    return hashlib.blake2b(data.numpy().data, digest_size=16).hexdigest()


@dataclass(frozen=True, kw_only=True)
class WeightDeviation:
    """The largest deviation of a module from the expected weights, as a multiple of the tolerance."""

    off: float
    module: str
    modules: int


def expected_columns(adapted: Any, *, dtype: torch.dtype) -> dict[str, ModuleColumns]:
    """Expected columns of every adapted module of a PEFT model that computes in `dtype`, by module name."""
    import torch
    from peft.tuners.lora import LoraLayer

    columns = {}
    for name, layer in adapted.get_base_model().named_modules():
        if isinstance(layer, LoraLayer):
            places = torch.linspace(0, layer.in_features - 1, min(COLUMNS, layer.in_features)).round().long()
            with_adapter = _columns(layer, layer.get_base_layer(), places, dtype=dtype)
            with adapted.disable_adapter():
                base = _columns(layer, layer.get_base_layer(), places, dtype=dtype)
            rounded = base.bfloat16()
            right = (rounded.float() + (with_adapter - base)).bfloat16()
            columns[name] = ModuleColumns(places=places, right=right.cpu(), base=rounded.cpu())
    return columns


def _columns(layer: Any, linear: Any, places: torch.Tensor, *, dtype: torch.dtype) -> torch.Tensor:
    """Columns of a layer's weights in float32, shape (columns, outputs): its outputs for unit vectors, without bias."""
    import torch

    width, device = int(getattr(layer, "in_features", 0)) or linear.weight.shape[0], linear.weight.device
    units = torch.zeros(len(places), width, dtype=dtype, device=device)
    units[torch.arange(len(places)), places] = 1
    bias = linear.bias
    if bias is not None:
        linear.bias = torch.nn.Parameter(torch.zeros_like(bias), requires_grad=False)
    try:
        with torch.inference_mode():
            answers: torch.Tensor = layer(units).float()
    finally:
        linear.bias = bias
    return answers


def compare_weights(merged: Any, right: dict[str, ModuleColumns], *, dtype: torch.dtype) -> WeightDeviation:
    """The largest deviation among the modules of a merged model that computes in `dtype`."""
    worst = WeightDeviation(off=0.0, module="", modules=len(right))
    modules = dict(merged.named_modules())
    for name, columns in right.items():
        off = math.inf
        if name in modules:
            off = _deviation(_columns(modules[name], modules[name], columns.places, dtype=dtype).cpu(), columns)
        if off > worst.off:
            worst = WeightDeviation(off=off, module=name, modules=len(right))
    return worst


def _deviation(weights: torch.Tensor, columns: ModuleColumns) -> float:
    """Distance from the expected columns as a multiple of the tolerance."""
    right, base = columns.right.float(), columns.base.float()
    wrong, added = float((weights - right).norm()), float((right - base).norm())
    rounding = float(bf16_spacing(right).norm()) / math.sqrt(12)  # standard deviation of a uniform rounding error
    return wrong / max(MAX_WRONG_SHARE * added + rounding, 1e-30) if math.isfinite(wrong) else math.inf


def bf16_spacing(values: torch.Tensor) -> torch.Tensor:
    """The spacing of bf16 numbers at each value; 0 for 0."""
    import torch

    _, exponents = torch.frexp(values.float())
    steps = torch.ldexp(torch.ones_like(values, dtype=torch.float32), exponents - 8)
    return torch.where(values == 0, torch.zeros_like(steps), steps)


def perturb_weights(merged: Any, names: Iterable[str], *, seed: int) -> None:
    """Add uniform noise of up to one bf16 spacing to the weights of some modules; deterministic by seed."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    noise = torch.rand(65_537, generator=generator) * 2 - 1  # a prime number, so that rows get different noise
    modules = dict(merged.named_modules())
    with torch.no_grad():
        for name in names:
            weight = modules[name].weight
            tiled = noise.to(weight.device).repeat(-(-weight.numel() // len(noise)))[: weight.numel()]
            weight.add_((tiled.view_as(weight) * bf16_spacing(weight)).to(weight.dtype))
