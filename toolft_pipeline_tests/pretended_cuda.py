"""A pretended CUDA device: tensors on the CPU that claim to be on `cuda:0`, and an error where two devices meet.

Every number is computed for real, bitsandbytes' 4-bit layers included, so code that reads values (`item`, `tolist`,
greedy decoding) runs as on a GPU. What a fake tensor of `FakeTensorMode` cannot do: it has no values to read.

Invariant: a tensor claims `cuda:0` exactly where code put it there or computed it from one that does. What autograd
computes in C++ is not seen, and claims nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from unittest import mock

import torch
from torch.multiprocessing.reductions import StorageWeakRef
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

CUDA, CPU = torch.device("cuda", 0), torch.device("cpu")
MEMORY_BYTES = 80_000_000_000

_TENSOR = torch.Tensor
_GETTERS: dict[Any, Callable[[torch.device], Any]] = {
    _TENSOR.device.__get__: lambda device: device,
    _TENSOR.is_cuda.__get__: lambda device: device.type == "cuda",
    _TENSOR.is_cpu.__get__: lambda device: device.type == "cpu",
    _TENSOR.get_device: lambda device: -1 if device.index is None else device.index,
}
_MAY_CROSS = {_TENSOR.copy_, _TENSOR.data.__set__, torch._has_compatible_shallow_copy_type}
"""Calls that take tensors of two devices on a real GPU too."""
_INDEXED = {_TENSOR.__getitem__, _TENSOR.__setitem__, _TENSOR.index_put_}
"""Calls whose index may lie on the CPU."""
_ON_CPU_ONLY = {_TENSOR.numpy, _TENSOR.__array__}


class TwoDevicesError(RuntimeError):
    """Tensors of two devices meet in one operation."""


class PretendedCuda(TorchFunctionMode):
    """While active, `cuda` can be asked for, and is remembered by storage."""

    def __init__(self) -> None:
        super().__init__()
        self._claimed: dict[int, StorageWeakRef] = {}

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = {name: value for name, value in (kwargs or {}).items() if name != "pin_memory"}
        if func is torch.device:
            return _as_device(args[0]) if len(args) == 1 and isinstance(args[0], int) else func(*args, **kwargs)
        if func in _GETTERS:
            return _GETTERS[func](self.device(args[0]))
        if func in {_TENSOR.cuda, _TENSOR.cpu}:
            func, args, kwargs = _TENSOR.to, (args[0], CUDA if func is _TENSOR.cuda else CPU), {}
        wanted, args, kwargs = _device_asked_for(func, args, kwargs)
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, _TENSOR)]
        devices = {self.device(one) for one in tensors if one.dim() or self.device(one) == CUDA} - {
            torch.device("meta")
        }
        if func is _TENSOR.to:
            source = self.device(args[0])
            wanted = wanted or source
            if wanted != source and source.type != "meta":
                kwargs["copy"] = True
        elif func in _INDEXED:
            devices = {self.device(args[0])}
        elif len(devices) > 1 and func not in _MAY_CROSS:
            raise TwoDevicesError(f"{func}: tensors on {' and '.join(sorted(map(str, devices)))}")
        if func in _ON_CPU_ONLY and CUDA in devices:
            raise TypeError("can't convert a CUDA tensor to numpy; use Tensor.cpu() first")
        result = func(*args, **kwargs)
        if (wanted or (CUDA if CUDA in devices else CPU)) == CUDA:
            old = {self._key(one) for one in tensors if self.device(one) == CPU} if func in _MAY_CROSS else set()
            for leaf in tree_leaves(result):
                if isinstance(leaf, _TENSOR) and leaf.device.type == "cpu" and self._key(leaf) not in old:
                    self._claimed[self._key(leaf)] = StorageWeakRef(leaf.untyped_storage())
        return result

    def device(self, tensor: torch.Tensor) -> torch.device:
        """Where a tensor claims to be."""
        with torch._C.DisableTorchFunction():
            real = tensor.device
        return CUDA if real == CPU and self._key(tensor) in self._claimed else real

    @staticmethod
    def _key(tensor: torch.Tensor) -> int:
        with torch._C.DisableTorchFunction():
            return int(tensor.untyped_storage()._cdata)


def _device_asked_for(
    func: Any, args: Sequence[Any], kwargs: dict[str, Any]
) -> tuple[torch.device | None, Sequence[Any], dict[str, Any]]:
    """The device that a call names, and its arguments with the CPU in its place."""
    if (named := _as_device(kwargs.get("device"))) is not None:
        return (named, args, kwargs) if named.type == "meta" else (named, args, {**kwargs, "device": CPU})
    if func is _TENSOR.to and len(args) > 1 and (named := _as_device(args[1])) is not None:
        return (named, args, kwargs) if named.type == "meta" else (named, (args[0], CPU, *args[2:]), kwargs)
    return None, args, kwargs


def _as_device(named: Any) -> torch.device | None:
    if isinstance(named, bool) or not isinstance(named, int | str | torch.device):
        return None
    device = CUDA if isinstance(named, int) else torch.device(named)
    return CUDA if device.type == "cuda" else device


@contextmanager
def pretended_cuda(*, memory: int = MEMORY_BYTES) -> Iterator[PretendedCuda]:
    """A block in which `torch.cuda.is_available()` and one device of so many free bytes can be used. Mixed precision
    asked for on `cuda` is that of the CPU."""
    import bitsandbytes  # noqa: F401 # before CUDA seems to be there: it would load its kernels for it

    properties = SimpleNamespace(name="pretended", total_memory=memory, major=9, minor=0, multi_processor_count=1)
    cuda = {
        "is_available": lambda: True,
        "device_count": lambda: 1,
        "current_device": lambda: 0,
        "set_device": lambda _device: None,
        "synchronize": lambda *_: None,
        "is_bf16_supported": lambda *_, **__: True,
        "mem_get_info": lambda *_: (memory, memory),
        "memory_allocated": lambda *_: 0,
        "memory_reserved": lambda *_: 0,
        "max_memory_allocated": lambda *_: 0,
        "get_device_capability": lambda *_: (9, 0),
        "get_device_name": lambda *_: "pretended",
        "get_device_properties": lambda *_: properties,
    }
    random = {"get_rng_state": lambda *_: torch.get_rng_state(), "get_rng_state_all": list}
    begin, enabled, dtype = torch.autocast.__init__, torch.is_autocast_enabled, torch.get_autocast_dtype

    def begin_on_cpu(self: torch.autocast, device_type: str, *args: Any, **kwargs: Any) -> None:
        begin(self, "cpu", *args, **kwargs)

    def enabled_on_cpu(_device_type: str = "cuda") -> bool:
        return enabled("cpu")

    def dtype_on_cpu(_device_type: str) -> torch.dtype:
        return dtype("cpu")

    with (
        mock.patch.multiple(torch.cuda, **cuda),
        mock.patch.multiple(torch.cuda.random, **random),
        mock.patch.object(torch.autocast, "__init__", begin_on_cpu),
        mock.patch.object(torch, "is_autocast_enabled", enabled_on_cpu),
        mock.patch.object(torch, "get_autocast_dtype", dtype_on_cpu),
        PretendedCuda() as mode,
    ):
        yield mode
