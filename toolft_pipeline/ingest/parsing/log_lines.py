"""The lines of a log file as a stream, plain or compressed, whatever the bytes are.

Invariant: every byte of the file belongs to exactly one line, lines come in order, and no line longer than the cap is
ever held in memory. A compressed file that breaks off, or unpacks into far more than logs ever do, gives what could be
read, then one line that stands for the rest; it is left as soon as it is seen to be too dense, in the midst of a line
too.
"""

from __future__ import annotations

import gzip
import hashlib
import hmac
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import pyarrow as pa
from msgspec import Struct

from toolft_pipeline.ingest.parsing.rejects import Rejection, RejectReason, hmac_key, line_hmac

LOG_ENDINGS = (".jsonl", ".jsonl.gz", ".jsonl.zst")

MAX_RATIO = 500
"""Bytes out for a byte in. Logs of the same few tools reach about 30; zeros packed with gzip reach 1,000."""

_FREE_BYTES = 64 << 20
"""Unpacked bytes that any archive may give: a small file of equal lines is no attack."""

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class LogLine(Struct, frozen=True, gc=False):
    """One line without its newline: 1-based number, offset of its first byte (in the decompressed stream).

    `rejection` is set where the line must not be parsed; `data` then holds its first bytes only. `hmac` is set where
    `data` is not what stands in the file: of a line too long, of one behind a byte order mark, or, where the line
    stands for the rest of a file, of the whole file as it lies there.
    """

    number: int
    offset: int
    data: bytes
    rejection: Rejection | None = None
    hmac: str | None = None

    def hmac_by(self, key: bytes) -> str:
        """The HMAC of the line's bytes as they stand in the file."""
        return self.hmac or line_hmac(self.data, key=key)

    @property
    def blank(self) -> bool:
        """Whether the line holds nothing but white space: counted, neither trajectory nor reject."""
        return self.rejection is None and (not self.data or self.data.isspace())


def read_lines(path: Path, *, max_line_bytes: int) -> Iterator[LogLine]:
    """Stream the lines of a file with one of `LOG_ENDINGS`. Raises `OSError` where it cannot be opened or read."""
    with path.open("rb") as raw:
        unpacked = _Unpacked(raw, path)
        number, offset = 0, 0
        while True:
            number += 1
            try:
                data = unpacked.stream.readline(max_line_bytes + 2)
                fits = len(data) - data.endswith(b"\n") <= max_line_bytes
                length, whole = (len(data), None) if fits else _drained(unpacked, data, offset=offset)
            except _BROKEN as error:
                if not unpacked.packed:
                    raise
                yield line_for_rest_of_file(
                    path, number, offset, RejectReason.BROKEN_ARCHIVE, f"cannot be decompressed from here: {error}"
                )
                return
            if not length:
                return
            if unpacked.too_dense(offset + length):
                detail = f"unpacks into more than {MAX_RATIO} times its size; unpack it yourself if it is a log"
                yield line_for_rest_of_file(path, number, offset, RejectReason.ARCHIVE_TOO_DENSE, detail)
                return
            if whole is None:
                yield _line(number, offset, data.removesuffix(b"\n"))
            else:
                yield LogLine(number, offset, data[:max_line_bytes], _too_long(max_line_bytes), whole)
            offset += length


def read_head(path: Path, size: int) -> bytes:
    """The first bytes of a file, unpacked; nothing of an archive that is broken so early. Raises `OSError`."""
    with path.open("rb") as raw:
        unpacked = _Unpacked(raw, path)
        try:
            return unpacked.stream.read(size)
        except _BROKEN:
            if not unpacked.packed:
                raise
            return b""


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
        return self.packed and unpacked > _FREE_BYTES and unpacked > MAX_RATIO * self._raw.tell()


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


def _drained(unpacked: _Unpacked, data: bytes, *, offset: int) -> tuple[int, str]:
    """The length, with its newline, of a line that begins with `data`, and the HMAC of all its bytes, of which none
    are kept. A line in whose midst the archive turns out too dense ends there."""
    seen = hmac.new(hmac_key(), digestmod=hashlib.sha256)
    length, piece = 0, data
    while piece:
        length += len(piece)
        seen.update(piece.removesuffix(b"\n"))
        if piece.endswith(b"\n") or unpacked.too_dense(offset + length):
            break
        piece = unpacked.stream.readline(1 << 20)
    return length, seen.hexdigest()


def line_for_rest_of_file(path: Path, number: int, offset: int, reason: RejectReason, detail: str) -> LogLine:
    """A line that stands for all of a file from some place on, with the HMAC of the whole file as it lies there."""
    return LogLine(number, offset, b"", Rejection(reason=reason, detail=detail), _packed_hmac(path))


def _packed_hmac(path: Path) -> str:
    with path.open("rb") as packed:
        return hashlib.file_digest(packed, lambda: hmac.new(hmac_key(), digestmod=hashlib.sha256)).hexdigest()


def _too_long(cap: int) -> Rejection:
    detail = f"longer than {cap} bytes; raise logs.max_line_bytes if such lines are wanted"
    return Rejection(reason=RejectReason.LINE_TOO_LONG, detail=detail)


def _line(number: int, offset: int, data: bytes) -> LogLine:
    if offset == 0 and data.startswith(BYTE_ORDER_MARK):
        return LogLine(number, offset, data.removeprefix(BYTE_ORDER_MARK), None, line_hmac(data, key=hmac_key()))
    return LogLine(number, offset, data)
