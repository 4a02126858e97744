"""Choose the compute type: bf16 if this machine multiplies it fast, else float32.

Invariant: the choice affects the speed of a model, never the stored weights. Quantizing, merging and saving do not
depend on it; training steps, decoding and the comparisons of a merge run in the chosen type. It depends on the machine,
so it enters no fingerprint.

Most laptop and many server CPUs emulate bf16: products of 512x640x2048 on two cores of one Xeon run at 948 GFLOP/s
with AMX, at 42 with AVX512 but no BF16 and at 14 with AVX2, where float32 reaches about 200 in each case. CPU flags do
not tell this on every architecture, so a product of a few milliseconds is timed.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch

Wanted = Literal["auto", "bf16", "fp32"]
"""The values of `training.compute_type`."""

_SECONDS = 0.1
"""Measuring time per type; each product runs at least twice."""


class ComputeType(StrEnum):
    """A number type that training and decoding can compute in."""

    BF16 = "bf16"
    FP32 = "fp32"

    @property
    def dtype(self) -> torch.dtype:
        """The torch dtype."""
        import torch

        return torch.bfloat16 if self is ComputeType.BF16 else torch.float32

    @property
    def bytes(self) -> int:
        """Size of one number."""
        return 2 if self is ComputeType.BF16 else 4

    @property
    def word(self) -> str:
        """The name in logs and reports."""
        return "bfloat16" if self is ComputeType.BF16 else "float32"


@dataclass(frozen=True, kw_only=True)
class ComputeChoice:
    """A compute type, and why it was chosen."""

    type: ComputeType
    reason: str

    @property
    def line(self) -> str:
        """One line for the log."""
        return f"computing in {self.type.word}: {self.reason}"


@dataclass(frozen=True)
class MatrixProduct:
    """The shape of one matrix product: (rows, inputs) by (inputs, outputs)."""

    rows: int
    inputs: int
    outputs: int

    @property
    def operations(self) -> float:
        """Floating-point operations."""
        return 2.0 * self.rows * self.inputs * self.outputs

    def ready(self, dtype: torch.dtype, *, device: torch.device | str = "cpu") -> Callable[[], float]:
        """The product with its operands allocated; each call computes it and waits for the result."""
        import torch

        left = torch.ones(self.rows, self.inputs, dtype=dtype, device=device)
        right = torch.ones(self.outputs, self.inputs, dtype=dtype, device=device)
        return lambda: float(torch.nn.functional.linear(left, right)[0, 0])


_MEASURED = MatrixProduct(512, 640, 2048)
"""An MLP projection of Gemma 3 270M over one packed row."""


@dataclass(frozen=True, kw_only=True)
class ProductSpeed:
    """Floating-point operations a second of one matrix product, in each type."""

    bf16: float
    fp32: float

    def of(self, type_: ComputeType) -> float:
        """The speed in one type."""
        return self.bf16 if type_ is ComputeType.BF16 else self.fp32

    @property
    def faster(self) -> ComputeType:
        """The faster type; bf16 if equal, because it takes half the memory."""
        return ComputeType.BF16 if self.bf16 >= self.fp32 else ComputeType.FP32


def choose_compute_type(wanted: Wanted) -> ComputeChoice:
    """The type of `training.compute_type`, or with `auto` the faster one on this machine."""
    import torch

    if wanted != "auto":
        return ComputeChoice(type=ComputeType(wanted), reason="training.compute_type says so")
    if torch.cuda.is_available():
        return _on_cuda(torch.cuda.get_device_name(), native=torch.cuda.is_bf16_supported(including_emulation=False))
    return _on_cpu(measure_products())


def _on_cpu(speed: ProductSpeed) -> ComputeChoice:
    slower = ComputeType.FP32 if speed.faster is ComputeType.BF16 else ComputeType.BF16
    fast, slow = speed.of(speed.faster) / 1e9, speed.of(slower) / 1e9
    return ComputeChoice(
        type=speed.faster,
        reason=f"this CPU multiplies {slower.word} at {slow:.0f} GFLOP/s, {speed.faster.word} at {fast:.0f}",
    )


def _on_cuda(name: str, *, native: bool) -> ComputeChoice:
    """bf16 from Ampere on, else float32: older GPUs only have fast float16, which overflows in models that were trained
    in bf16 (Gemma 3's hidden states exceed 65,504)."""
    if native:
        return ComputeChoice(type=ComputeType.BF16, reason=f"{name} has it in hardware")
    return ComputeChoice(type=ComputeType.FP32, reason=f"{name} has no bfloat16 in hardware")


@functools.cache
def measure_products() -> ProductSpeed:
    """The CPU's product speed in each type, measured once a process.

    It is the best of several products, the two types in turn, so that other load slows both equally.
    """
    import torch

    best = dict.fromkeys(ComputeType, float("inf"))
    products = {type_: _MEASURED.ready(type_.dtype) for type_ in ComputeType}
    with torch.inference_mode():
        for compute in products.values():
            compute()  # the first call builds the kernel
        began, rounds = time.perf_counter(), 0
        while rounds < 2 or time.perf_counter() - began < _SECONDS * len(ComputeType):
            rounds += 1
            for type_, compute in products.items():
                started = time.perf_counter()
                compute()
                best[type_] = min(best[type_], time.perf_counter() - started)
    speed = {type_: _MEASURED.operations / seconds for type_, seconds in best.items()}
    return ProductSpeed(bf16=speed[ComputeType.BF16], fp32=speed[ComputeType.FP32])
