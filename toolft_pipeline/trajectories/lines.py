"""The lines of a log file as a stream, plain or compressed, whatever the bytes are.

Invariant: every byte of the file belongs to exactly one line, lines come in order, and no line longer than the cap is
ever held in memory. A compressed file that breaks off, or unpacks into far more than logs ever do, gives what could be
read, then one line that stands for the rest.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import pyarrow as pa
from msgspec import Struct

from toolft_pipeline.trajectories.rejects import Rejection, RejectReason

LOG_ENDINGS = (".jsonl", ".jsonl.gz", ".jsonl.zst")

MAX_RATIO = 500
"""Bytes out for a byte in. Logs of the same few tools reach about 30; zeros packed with gzip reach 1,000."""

_FREE_BYTES = 64 << 20
"""Unpacked bytes that any archive may give: a small file of equal lines is no attack."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Line(Struct, frozen=True, gc=False):
    """One line without its newline: 1-based number, offset of its first byte (in the decompressed stream).

    `rejection` is set where the line must not be parsed; `data` then holds its first bytes only.
    """

    number: int
    offset: int
    data: bytes
    rejection: Rejection | None = None

    @property
    def blank(self) -> bool:
        """Whether the line holds nothing but white space: counted, neither trajectory nor reject."""
        return self.rejection is None and (not self.data or self.data.isspace())


def read_lines(path: Path, *, max_line_bytes: int) -> Iterator[Line]:
    """Stream the lines of a file with one of `LOG_ENDINGS`. Raises `OSError` where it cannot be opened or read."""
    with path.open("rb") as raw:
        unpacked = _Unpacked(raw, path)
        number, offset = 0, 0
        while True:
            number += 1
            try:
                data, length = _next_line(unpacked.stream, max_line_bytes)
            except _BROKEN as error:
                if not unpacked.packed:
                    raise
                yield _rest(number, offset, RejectReason.BROKEN_ARCHIVE, f"cannot be decompressed from here: {error}")
                return
            if not length:
                return
            offset += length
            if unpacked.too_dense(offset):
                detail = f"unpacks into more than {MAX_RATIO} times its size; unpack it yourself if it is a log"
                yield _rest(number, offset - length, RejectReason.ARCHIVE_TOO_DENSE, detail)
                return
            yield _line(number, offset - length, data, max_line_bytes)


_BROKEN = (EOFError, zlib.error, gzip.BadGzipFile, OSError)
"""What decompressors raise; Arrow's zstd says OSError for bad bytes."""


class _Unpacked:
    """The file's bytes as they were before compression."""

    def __init__(self, raw: BinaryIO, path: Path) -> None:
        self._raw = raw
        self.packed = path.suffix in (".gz", ".zst")
        self.stream = raw
        if path.suffix == ".gz":
            self.stream = cast(BinaryIO, gzip.GzipFile(fileobj=raw))
        elif path.suffix == ".zst":
            packed = pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), "zstd")
            self.stream = cast(BinaryIO, io.BufferedReader(_Reads(packed), buffer_size=1 << 20))

    def too_dense(self, unpacked: int) -> bool:
        return self.packed and unpacked > max(_FREE_BYTES, MAX_RATIO * self._raw.tell())


class _Reads(io.RawIOBase):
    """An Arrow stream as a raw Python one: Arrow's own `readline` is missing."""

    def __init__(self, stream: pa.NativeFile) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def _rest(number: int, offset: int, reason: RejectReason, detail: str) -> Line:
    return Line(number=number, offset=offset, data=b"", rejection=Rejection(reason=reason, detail=detail))


def _next_line(stream: BinaryIO, cap: int) -> tuple[bytes, int]:
    """The next line's first `cap` + 1 bytes at most, and its whole length with its newline; 0 at the end."""
    data = stream.readline(cap + 2)
    length = len(data)
    piece = data
    while piece and not piece.endswith(b"\n"):
        piece = stream.readline(1 << 20)
        length += len(piece)
    return data.removesuffix(b"\n")[: cap + 1], length


def _line(number: int, offset: int, data: bytes, cap: int) -> Line:
    if len(data) > cap:
        detail = f"longer than {cap} bytes; raise logs.max_line_bytes if such lines are wanted"
        too_long = Rejection(reason=RejectReason.LINE_TOO_LONG, detail=detail)
        return Line(number=number, offset=offset, data=data[:cap], rejection=too_long)
    return Line(number, offset, data.removeprefix(_BYTE_ORDER_MARK) if offset == 0 else data)
