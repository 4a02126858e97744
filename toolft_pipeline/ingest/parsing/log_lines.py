"""Stream the lines of a log file, plain or compressed.

Invariant: every byte of the file belongs to exactly one line, lines come in order, and no line longer than the limit is
held in memory. A compressed file that is damaged, or expands far more than logs do, gives the lines that could be read,
then one line for the rest. Reading stops as soon as the ratio is too high, even within a line.
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

from toolft_pipeline.ingest.parsing.rejects import Rejection, RejectReason, line_hmac

LOG_ENDINGS = (".jsonl", ".jsonl.gz", ".jsonl.zst")

MAX_RATIO = 500
"""Highest compression ratio. Logs of the same few tools reach about 30; gzipped zeros reach 1,000."""

_FREE_BYTES = 64 << 20
"""Bytes that any file may expand to: a small file of equal lines is not an attack."""

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class LogLine(Struct, frozen=True, gc=False):
    """One line of a file, without its newline.

    `number` starts at 1; `offset` is that of its first byte in the decompressed stream. `rejection` is set if the line
    must not be parsed; `data` then holds only its first bytes. `hmac` is set if `data` differs from the bytes in the
    file: for a line that is too long, a line after a byte order mark, or a line that represents the rest of the file
    (then it covers the whole file).
    """

    number: int
    offset: int
    data: bytes
    rejection: Rejection | None = None
    hmac: str | None = None

    def hmac_by(self, key: bytes) -> str:
        """HMAC of the line's bytes in the file."""
        return self.hmac or line_hmac(self.data, key=key)

    @property
    def blank(self) -> bool:
        """Whether the line is only white space.

        Blank lines are counted, but are neither trajectories nor rejects.
        """
        return self.rejection is None and (not self.data or self.data.isspace())


def read_lines(path: Path, *, max_line_bytes: int, key: bytes) -> Iterator[LogLine]:
    """Stream the lines of a file with one of `LOG_ENDINGS`; `key` is that of their HMACs.

    Raises `OSError` if it cannot be read.
    """
    with path.open("rb") as raw:
        source = _Decompressed(raw, path)
        number, offset = 0, 0
        while True:
            number += 1
            try:
                data = source.stream.readline(max_line_bytes + 2)
                fits = len(data) - data.endswith(b"\n") <= max_line_bytes
                length, whole = (len(data), None) if fits else _read_to_end(source, data, offset=offset, key=key)
            except _BROKEN as error:
                if not source.is_compressed:
                    raise
                yield line_for_rest_of_file(
                    path,
                    number,
                    offset,
                    RejectReason.BROKEN_ARCHIVE,
                    f"the file cannot be decompressed from here on ({error}); copy it again, or repair it",
                    key=key,
                )
                return
            if not length:
                return
            if source.ratio_too_high(offset + length):
                detail = (
                    f"the file expands to more than {MAX_RATIO} times its size; decompress it yourself if it is a log"
                )
                yield line_for_rest_of_file(path, number, offset, RejectReason.ARCHIVE_TOO_DENSE, detail, key=key)
                return
            if whole is None:
                yield _line(number, offset, data.removesuffix(b"\n"), key=key)
            else:
                yield LogLine(number, offset, data[:max_line_bytes], _too_long(max_line_bytes), whole)
            offset += length


def read_head(path: Path, size: int) -> bytes:
    """Return the first bytes of a file, decompressed; empty if they cannot be.

    Raises `OSError`.
    """
    with path.open("rb") as raw:
        source = _Decompressed(raw, path)
        try:
            return source.stream.read(size)
        except _BROKEN:
            if not source.is_compressed:
                raise
            return b""


_BROKEN = (EOFError, zlib.error, gzip.BadGzipFile, OSError)
"""Errors of the decompressors; Arrow's zstd raises OSError for bad bytes."""


class _Decompressed:
    """The bytes of a file, decompressed by its ending."""

    def __init__(self, raw: BinaryIO, path: Path) -> None:
        self._raw = raw
        self.is_compressed = path.suffix in (".gz", ".zst")
        self.stream = raw
        if path.suffix == ".gz":
            self.stream = cast(BinaryIO, gzip.GzipFile(fileobj=raw))
        elif path.suffix == ".zst":
            packed = pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), "zstd")
            self.stream = cast(BinaryIO, io.BufferedReader(_ArrowReader(packed), buffer_size=1 << 20))

    def ratio_too_high(self, size: int) -> bool:
        return self.is_compressed and size > _FREE_BYTES and size > MAX_RATIO * self._raw.tell()


class _ArrowReader(io.RawIOBase):
    """An Arrow stream as a raw Python stream: Arrow's has no `readline`."""

    def __init__(self, stream: pa.NativeFile) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def _read_to_end(source: _Decompressed, data: bytes, *, offset: int, key: bytes) -> tuple[int, str]:
    """Read a long line to its end without keeping it.

    Return its length with the newline, and its HMAC. `data` is its beginning. The line ends early if the compression
    ratio gets too high.
    """
    digest = hmac.new(key, digestmod=hashlib.sha256)
    length, piece = 0, data
    while piece:
        length += len(piece)
        digest.update(piece.removesuffix(b"\n"))
        if piece.endswith(b"\n") or source.ratio_too_high(offset + length):
            break
        piece = source.stream.readline(1 << 20)
    return length, digest.hexdigest()


def line_for_rest_of_file(
    path: Path, number: int, offset: int, reason: RejectReason, detail: str, *, key: bytes
) -> LogLine:
    """A rejected line that represents the rest of a file.

    It has the HMAC of the whole file.
    """
    return LogLine(number, offset, b"", Rejection(reason=reason, detail=detail), _file_hmac(path, key=key))


def _file_hmac(path: Path, *, key: bytes) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hmac.new(key, digestmod=hashlib.sha256)).hexdigest()


def _too_long(limit: int) -> Rejection:
    detail = f"the line is longer than {limit} bytes; raise logs.max_line_bytes to read such lines"
    return Rejection(reason=RejectReason.LINE_TOO_LONG, detail=detail)


def _line(number: int, offset: int, data: bytes, *, key: bytes) -> LogLine:
    if offset == 0 and data.startswith(BYTE_ORDER_MARK):
        return LogLine(number, offset, data.removeprefix(BYTE_ORDER_MARK), None, line_hmac(data, key=key))
    return LogLine(number, offset, data)
