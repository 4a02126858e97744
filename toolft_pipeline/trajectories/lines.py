"""The lines of a log file as a stream, plain or gzipped, whatever the bytes are.

Invariant: every byte of the file belongs to exactly one line, lines come in order, and no line longer than the cap is
ever held in memory. A compressed file that breaks off gives what could be read, then one line that stands for the
unreadable rest.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from msgspec import Struct

from toolft_pipeline.trajectories.rejects import Rejection, RejectReason

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Line(Struct, frozen=True, kw_only=True):
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
        return self.rejection is None and not self.data.strip()


def read_lines(path: Path, *, max_line_bytes: int) -> Iterator[Line]:
    """Stream the lines of a `.jsonl` or `.jsonl.gz` file. Raises `OSError` where the file cannot be opened or read."""
    with path.open("rb") as raw:
        stream = cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if path.suffix == ".gz" else raw
        number, offset = 0, 0
        while True:
            number += 1
            try:
                data, length = _next_line(stream, max_line_bytes)
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                broken = Rejection(
                    reason=RejectReason.BROKEN_ARCHIVE, detail=f"cannot be decompressed from here: {error}"
                )
                yield Line(number=number, offset=offset, data=b"", rejection=broken)
                return
            if not length:
                return
            yield _line(number, offset, data, max_line_bytes)
            offset += length


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
    return Line(number=number, offset=offset, data=data.removeprefix(_BYTE_ORDER_MARK) if offset == 0 else data)
