"""What the processes of a training run tell the one that started them: JSON lines over a Unix socket.

Invariant: the connection is the proof of life. The kernel closes it when either side ends, however it ends: a worker
whose starter is gone ends itself, and a starter knows every worker that is gone.
"""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
from msgspec import Struct

from toolft_pipeline.compute_type import ComputeType
from toolft_pipeline.settings import TrainingSettings
from toolft_pipeline.training.sft.fit import Fitted
from toolft_pipeline.training.sft.training_inputs import TrainingInputs


class Hello(Struct, frozen=True, kw_only=True, tag=True):
    """A worker is there; it leads a process group of its own."""

    rank: int
    pid: int


class Line(Struct, frozen=True, kw_only=True, tag=True):
    """A line for the log of the run."""

    text: str


class Failed(Struct, frozen=True, kw_only=True, tag=True):
    """A worker ends with an error."""

    text: str
    fixable: bool
    """Whether the text alone helps: a `FixableError`."""
    errno: int | None = None
    """Of an error of the operating system."""
    of_peer: bool = False
    """Whether the error says that another process is gone."""


class Ended(Struct, frozen=True, kw_only=True, tag=True):
    """A worker has trained to the end."""

    history: str
    """Trainer's history as JSON, which has NaN where a loss had."""
    step: int
    peak_memory_gb: float
    loss_tokens: int

    @classmethod
    def of(cls, fitted: Fitted) -> Ended:
        """The message about what was trained."""
        return cls(
            history=json.dumps(fitted.history, default=float),
            step=fitted.step,
            peak_memory_gb=fitted.peak_memory_gb,
            loss_tokens=fitted.loss_tokens,
        )


Message = Hello | Line | Failed | Ended


class Request(Struct, frozen=True, kw_only=True):
    """What a worker trains, and the socket that it reports to."""

    address: str
    base: str
    base_name: str
    chat_format: str
    selection: str
    tensors: dict[str, str]
    training: str
    compute: ComputeType
    checkpoints: str
    adapter: str

    @classmethod
    def of(cls, run: TrainingInputs, *, address: Path) -> Request:
        """The request to train these inputs."""
        return cls(
            address=str(address),
            base=str(run.base.absolute()),
            base_name=run.base_name,
            chat_format=run.chat_format,
            selection=str(run.selection.absolute()),
            tensors={day: str(path.absolute()) for day, path in run.tensors.items()},
            training=run.training.model_dump_json(),
            compute=run.compute,
            checkpoints=str(run.checkpoints.absolute()),
            adapter=str(run.adapter.absolute()),
        )

    @property
    def inputs(self) -> TrainingInputs:
        """The inputs, as the starter has them."""
        return TrainingInputs(
            base=Path(self.base),
            base_name=self.base_name,
            chat_format=self.chat_format,
            selection=Path(self.selection),
            tensors={day: Path(path) for day, path in self.tensors.items()},
            training=TrainingSettings.model_validate_json(self.training),
            compute=self.compute,
            checkpoints=Path(self.checkpoints),
            adapter=Path(self.adapter),
        )


def encode(message: Message) -> bytes:
    """A message as a line."""
    return msgspec.json.encode(message) + b"\n"


def decode(line: bytes) -> Message:
    """The message of a line."""
    message: Message = msgspec.json.decode(line, type=Message)
    return message
