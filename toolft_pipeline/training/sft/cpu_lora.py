"""One autograd function per LoRA layer on a CPU, where PEFT runs about twenty operations.

PEFT's layer casts the input to float32 for the adapter, multiplies there, scales, casts back, adds, and lets autograd
do the same in reverse; a 4-bit layer is also dequantized in the forward and again in the backward pass. Here the
adapter's products run in the compute type, are added to the base's result in place, and the base's dequantized weights
are kept if they are small (`MAX_KEPT_BYTES`).

    y  = x W' + b + s (x A') B'       x (tokens, in), W (out, in), A (rank, in), B (out, rank), s = alpha / rank
    dx = dy W + s (dy B) A
    dA = s (dy B)' x                  dB = s dy' (x A')

Invariant: in float32 the result and the gradients are PEFT's to rounding. The adapter's parameters, their gradients and
the optimizer stay in float32. Layers that do more than this (DoRA, biases of the adapter, several adapters) keep
PEFT's forward pass, and so does a call with the adapter disabled or merged.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

MAX_KEPT_BYTES = 2 * 2**30
"""Bytes of dequantized weights that are kept beside the 4-bit ones: all of a model below about 1 B parameters. Larger
models would lose what 4 bit saves; their layers are dequantized in every pass."""


def fuse_lora_layers(model: PreTrainedModel, *, dtype: torch.dtype) -> int:
    """Give every plain LoRA layer on a CPU the fused forward pass, in compute type `dtype`; returns their number."""
    from peft.tuners.lora import LoraLayer

    layers = [module for module in model.modules() if isinstance(module, LoraLayer) and _is_plain(module)]
    kept = kept_bytes([_base_weight(layer).numel() for layer in layers], dtype.itemsize)
    for layer in layers:
        object.__setattr__(layer, "forward", _FusedForward(layer, dtype=dtype, keep=kept > 0))
    return len(layers)


def kept_bytes(elements: list[int], itemsize: int) -> int:
    """Bytes of dequantized weights that are kept for layers of these sizes: all or none."""
    wanted = sum(elements) * itemsize
    return wanted if wanted <= MAX_KEPT_BYTES else 0


def _is_plain(layer: Any) -> bool:
    """Whether a LoRA layer computes what this module computes: one adapter over a frozen linear layer."""
    import torch

    base = layer.get_base_layer()
    return (
        isinstance(base, torch.nn.Linear)
        and base.weight.device.type == "cpu"
        and not any(parameter.requires_grad for parameter in base.parameters())
        and len(layer.lora_A) == 1
        and not layer.lora_variant
        and all(module.bias is None for module in layer.lora_B.values())
    )


def _base_weight(layer: Any) -> Any:
    """The base's weight with its full shape, (out, in), as a tensor on no device where it is in 4 bit."""
    import torch

    weight = layer.get_base_layer().weight
    state = getattr(weight, "quant_state", None)
    return weight if state is None else torch.empty(state.shape, device="meta")


class _FusedForward:
    """Replaces a LoRA layer's `forward`."""

    def __init__(self, layer: Any, *, dtype: torch.dtype, keep: bool) -> None:
        self._layer = layer
        self._original = layer.forward
        self._dtype = dtype
        self._keep = keep
        self._kept: torch.Tensor | None = None
        (self._name,) = layer.lora_A

    def __call__(self, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        """(..., in) to (..., out), in the dtype of `x`."""
        layer = self._layer
        if layer.disable_adapters or layer.merged or args or kwargs or x.dtype != self._dtype:
            plain: torch.Tensor = self._original(x, *args, **kwargs)
            return plain
        name = self._name
        dropout = layer.lora_dropout[name]
        result: torch.Tensor = _function().apply(
            x,
            self._weight(),
            layer.get_base_layer().bias,
            layer.lora_A[name].weight,
            layer.lora_B[name].weight,
            layer.scaling[name],
            getattr(dropout, "p", 0.0) if dropout.training else 0.0,
        )
        return result

    def _weight(self) -> torch.Tensor:
        from peft.utils.integrations import dequantize_module_weight

        base = self._layer.get_base_layer()
        if getattr(base.weight, "quant_state", None) is None:
            plain: torch.Tensor = base.weight
            return plain
        if self._kept is not None:
            return self._kept
        weight: torch.Tensor = dequantize_module_weight(base).detach().to(self._dtype)
        if self._keep:
            self._kept = weight
        return weight


@functools.cache
def _function() -> Any:
    """The autograd function, defined on first use, because this module does not import torch."""
    import torch

    class LoraLinear(torch.autograd.Function):
        """A frozen linear layer and its adapter; see the module's formulas."""

        @staticmethod
        def forward(
            ctx: Any,
            x: torch.Tensor,
            weight: torch.Tensor,
            bias: torch.Tensor | None,
            down: torch.Tensor,
            up: torch.Tensor,
            scale: float,
            dropout: float,
        ) -> torch.Tensor:
            rows = x.reshape(-1, x.shape[-1])
            low, high = down.to(x.dtype), (up * scale).to(x.dtype)
            seen, mask = torch.native_dropout(rows, dropout, True) if dropout else (rows, None)
            inner = seen @ low.t()
            result = rows @ weight.t() if bias is None else torch.addmm(bias.to(x.dtype), rows, weight.t())
            result.addmm_(inner, high.t())
            ctx.save_for_backward(seen, mask, inner, weight, low, high)
            ctx.scale, ctx.dropout, ctx.shape = scale, dropout, x.shape
            return result.view(*x.shape[:-1], -1)

        @staticmethod
        def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
            seen, mask, inner, weight, low, high = ctx.saved_tensors
            rows = gradient.reshape(-1, gradient.shape[-1])
            by_inner = rows @ high
            by_down = by_inner.t() @ seen
            by_up = rows.t() @ inner
            by_x = None
            if ctx.needs_input_grad[0]:
                by_x = rows @ weight
                if mask is None:
                    by_x.addmm_(by_inner, low)
                else:
                    by_x += (by_inner @ low).mul_(mask).div_(1 - ctx.dropout)
                by_x = by_x.view(ctx.shape)
            return by_x, None, None, by_down.float(), by_up.float().mul_(ctx.scale), None, None

    return LoraLinear
