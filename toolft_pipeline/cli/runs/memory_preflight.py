"""`toolft preflight`: the memory that training takes, computed from the base model's config and the settings."""

from __future__ import annotations

import json
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from toolft_pipeline.cli.runs.terminal import say
from toolft_pipeline.compute_type import ComputeType, choose_compute_type
from toolft_pipeline.errors import UsageError
from toolft_pipeline.settings import AgentSettings, TrainingSettings
from toolft_pipeline.training.base.base_model import source_name
from toolft_pipeline.training.base.source_config import source_config
from toolft_pipeline.training.preflight.model_shape import ModelShape, read_shape
from toolft_pipeline.training.preflight.sizing import SizedRun
from toolft_pipeline.training.runtime.free_memory import free_memory
from toolft_pipeline.training.runtime.model_device import model_device
from toolft_pipeline.training.sft.gpu_kernels import choose_gpu_kernels

if TYPE_CHECKING:
    from transformers import PreTrainedConfig


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where training would run, and the bytes that are free there."""

    name: str
    free: float


def print_preflight(
    settings: AgentSettings, *, gpus: Sequence[float], lengths: Sequence[int], as_json: bool = False
) -> int:
    """Print memory by part at each length, and what fits into GPUs of so many GB, by default into this machine.

    Lengths are `training.packed_length` and `chat.max_length` by default: the latter is the longest row that training
    can meet. Returns 1 if a length does not fit somewhere. Raises `BaseModelError`, or `UsageError` for an agent whose
    model a host trains.
    """
    if settings.managed is not None:
        raise UsageError(f"{settings.name}: its model is trained by the host of `managed`, not on a machine of yours")
    lengths = lengths or sorted({settings.training.packed_length, settings.chat.max_length})
    run = _run(settings, on_gpu=bool(gpus))
    places = [Place(name=f"a GPU of {gb:g} GB", free=gb * 1e9) for gb in gpus] or [_this_machine(run)]
    fits = all(run.memory(length).total <= place.free for length in lengths for place in places)
    if as_json:
        print(json.dumps(_document(settings, run, lengths, places)))
    else:
        say(*_head(settings, run), *_table(run, lengths), *(_verdict(run, lengths, place) for place in places))
    return 0 if fits else 1


def _run(settings: AgentSettings, *, on_gpu: bool) -> SizedRun:
    import torch

    wanted = settings.training.compute_type
    if on_gpu:
        compute = ComputeType.BF16 if wanted == "auto" else ComputeType(wanted)
    else:
        compute = choose_compute_type(wanted).type
    config, training = source_config(settings), settings.training
    device = torch.device("cuda") if on_gpu else model_device()
    kernels = None  # what is installed beside a GPU that is not here is not known
    if not on_gpu:
        kernels = choose_gpu_kernels(config=config, training=training, compute=compute, device=device, images=False)
    return SizedRun(
        shape=_shape(config, training),
        training=training,
        device=device,
        compute=compute,
        flash=kernels is not None and kernels.flash,
    )


def _shape(config: PreTrainedConfig, training: TrainingSettings) -> ModelShape:
    with tempfile.TemporaryDirectory(prefix="toolft-") as place, warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # PEFT asks transformers about checkpointing by an old name
        config.save_pretrained(place)
        return read_shape(Path(place), training)


def _this_machine(run: SizedRun) -> Place:
    kind = "its GPU" if run.device.type == "cuda" else "its CPU"
    return Place(name=f"this machine ({kind})", free=free_memory(run.device))


def _head(settings: AgentSettings, run: SizedRun) -> list[str]:
    shape, training = run.shape, settings.training
    stored = "4 bit" if training.quantization == "nf4" else "bf16"
    return [
        f"{settings.name}: {source_name(settings.base_model)}, {(shape.linear + shape.other) / 1e9:.2f} B parameters "
        f"in {stored}, {shape.trained / 1e6:.1f} M trained, {run.compute.word} on "
        f"{'a GPU' if run.device.type == 'cuda' else 'a CPU'}, training.batch_size {training.batch_size}",
        "computed from the shapes of its config, for full rows; no weights were loaded and nothing was measured",
    ]


def _table(run: SizedRun, lengths: Sequence[int]) -> list[str]:
    parts = [(length, run.memory(length)) for length in lengths]
    names = list(parts[0][1].parts)
    rows = [["GB at a length of", *(f"{length:,}" for length, _ in parts)]]
    rows += [[name, *(f"{memory.parts[name] / 1e9:.2f}" for _, memory in parts)] for name in names]
    rows += [["total", *(f"{memory.total / 1e9:.2f}" for _, memory in parts)]]
    return [f"{name:24}" + "".join(f"{figure:>10}" for figure in figures) for name, *figures in rows]


def _verdict(run: SizedRun, lengths: Sequence[int], place: Place) -> str:
    longest = run.longest(place.free)
    most = "no length fits" if longest is None else f"the longest training.packed_length that fits is {longest:,}"
    if longest == run.longest_tried:
        most = f"every length up to {longest:,} fits"
    line = f"{place.name}, {place.free / 1e9:.1f} GB free: {most}"
    too_long = [length for length in lengths if run.memory(length).total > place.free]
    if not too_long:
        return line
    fitting = run.fitting(too_long[0], place.free)
    helps = f"what fits: {'; or '.join(fitting)}" if fitting else "use a smaller base model or more memory"
    return f"{line}; {', '.join(f'{length:,}' for length in too_long)} does not fit; {helps}"


def _document(
    settings: AgentSettings, run: SizedRun, lengths: Sequence[int], places: Sequence[Place]
) -> dict[str, object]:
    sizes = {length: run.memory(length) for length in lengths}
    return {
        "agent": settings.name,
        "base": source_name(settings.base_model),
        "basis": "computed",
        "device": run.device.type,
        "compute_type": str(run.compute),
        "parameters": run.shape.linear + run.shape.other,
        "trained_parameters": run.shape.trained,
        "lengths": [
            {
                "length": length,
                "gb": {name: size / 1e9 for name, size in one.parts.items()},
                "total_gb": one.total / 1e9,
            }
            for length, one in sizes.items()
        ],
        "places": [
            {
                "name": place.name,
                "gb": place.free / 1e9,
                "fits": [length for length, one in sizes.items() if one.total <= place.free],
                "longest": run.longest(place.free),
            }
            for place in places
        ],
    }
