"""Whether the weights of a merged model are those of base plus adapter, module by module.

Invariant: what is right comes from PEFT running the unmerged adapter, never from the code that merges. A layer that is
fed unit vectors answers with columns of its weights, whatever kind of adapter sits on it; base plus what the adapter
adds, rounded to bf16 once, is what a merge can reach. How far a merge may be off is measured in that same rounding and
in what the adapter adds, so it holds for every model.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

COLUMNS = 64
"""Columns compared of each module, evenly spaced: a low-rank adapter moves all of them."""

AT_ONCE = 2048
"""Unit vectors fed to a layer at a time: 84 MB in float32 for the widest layer of a 4B model (10,240 inputs)."""

WRONG_SHARE = 0.25
"""Share of what the adapter adds to a module that may be wrong, beyond rounding. A scale of twice or half the right one
is off by 0.5 or more, a module that was missed by 1; a right merge by 0.01 to 0.1."""


@dataclass(frozen=True, kw_only=True)
class ModuleColumns:
    """Columns of one adapted module, in bf16: as a right merge has them, and as the base had them."""

    places: torch.Tensor
    right: torch.Tensor
    base: torch.Tensor


@dataclass(frozen=True, kw_only=True)
class WeightsFound:
    """The module that is furthest off. `off` above 1 is more than rounding explains."""

    off: float
    module: str
    modules: int


def merge_rightly(adapted: Any, *, dtype: torch.dtype) -> dict[str, ModuleColumns]:
    """Put a plain layer with the right weights in the place of every adapted module of a PEFT model that computes in
    `dtype`. Returns columns of those weights, by the module's name in the base.

    Afterwards the model differs from adapter on base by one rounding of each weight to bf16, and by nothing else.
    """
    import torch
    from peft.tuners.lora import LoraLayer

    base_model, found = adapted.get_base_model(), {}
    for name, layer in [*base_model.named_modules()]:
        if not isinstance(layer, LoraLayer):
            continue
        linear = layer.get_base_layer()
        with_adapter = _weights(layer, linear, dtype=dtype)
        with adapted.disable_adapter():
            base = _weights(layer, linear, dtype=dtype)
        rounded = base.bfloat16()
        right = (rounded.float() + (with_adapter - base)).bfloat16()
        places = torch.linspace(0, len(right) - 1, min(COLUMNS, len(right))).round().long().to(right.device)
        found[name] = ModuleColumns(places=places.cpu(), right=right[places].cpu(), base=rounded[places].cpu())
        base_model.set_submodule(name, _plain(right, linear.bias, dtype=dtype))
    return found


def _plain(columns: torch.Tensor, bias: torch.Tensor | None, *, dtype: torch.dtype) -> torch.nn.Linear:
    """A linear layer of these columns, shape (inputs, outputs)."""
    import torch

    inputs, outputs = columns.shape
    plain = torch.nn.Linear(inputs, outputs, bias=bias is not None, device="meta")
    plain.weight = torch.nn.Parameter(columns.T.to(dtype).contiguous(), requires_grad=False)
    if bias is not None:
        plain.bias = torch.nn.Parameter(bias.detach().to(dtype), requires_grad=False)
    return plain


def _weights(layer: Any, linear: Any, *, dtype: torch.dtype) -> torch.Tensor:
    """All columns of a layer's weights in float32, shape (inputs, outputs), `AT_ONCE` of them at a time."""
    import torch

    parts = torch.split(torch.arange(layer.in_features), AT_ONCE)
    return torch.cat([_columns(layer, linear, part, dtype=dtype) for part in parts])


def _columns(layer: Any, linear: Any, places: torch.Tensor, *, dtype: torch.dtype) -> torch.Tensor:
    """Columns of a layer's weights in float32, shape (columns, outputs): its answers to unit vectors, without the bias
    of its linear part."""
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


def compare_weights(merged: Any, right: dict[str, ModuleColumns], *, dtype: torch.dtype) -> WeightsFound:
    """Hold the modules of a merged model, which computes in `dtype`, against what they should be."""
    worst = WeightsFound(off=0.0, module="", modules=len(right))
    modules = dict(merged.named_modules())
    for name, columns in right.items():
        off = math.inf
        if name in modules:
            off = _off(_columns(modules[name], modules[name], columns.places, dtype=dtype).cpu(), columns)
        if off > worst.off:
            worst = WeightsFound(off=off, module=name, modules=len(right))
    return worst


def _off(found: torch.Tensor, columns: ModuleColumns) -> float:
    """Distance from the right columns over what is allowed."""
    right, base = columns.right.float(), columns.base.float()
    wrong, added = float((found - right).norm()), float((right - base).norm())
    rounding = float(bf16_steps(right).norm()) / math.sqrt(12)  # of a number that lies anywhere between two steps
    return wrong / max(WRONG_SHARE * added + rounding, 1e-30) if math.isfinite(wrong) else math.inf


def bf16_steps(values: torch.Tensor) -> torch.Tensor:
    """The distance to the next number that bf16 can write, for each value; 0 for 0."""
    import torch

    _, exponents = torch.frexp(values.float())
    steps = torch.ldexp(torch.ones_like(values, dtype=torch.float32), exponents - 8)
    return torch.where(values == 0, torch.zeros_like(steps), steps)
