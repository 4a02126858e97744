"""Read log files of any format and compression as runs and rejections.

Invariant: every line of every file comes out once, with its place: as a trajectory, a rejection, a blank line, or a
part of one run if runs span lines. What was read is compared with what came out. The spans of a trace are collected
from all files of its format, because a log may rotate in the middle of a run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import msgspec

from toolft_pipeline.ingest.formats import LINE_FORMATS, SPAN_FORMATS
from toolft_pipeline.ingest.images.image_collector import ImageCollector
from toolft_pipeline.ingest.line_reader import read_line
from toolft_pipeline.ingest.lines.openai_table import UnconvertedRun
from toolft_pipeline.ingest.log_file import LogEntry, LogError, LogFile, ReadCounts, RunT_co
from toolft_pipeline.ingest.parsing.rejects import Rejection
from toolft_pipeline.ingest.parsing.served_key import SERVED_FORMAT, is_served_file
from toolft_pipeline.ingest.span_files import SpanFiles
from toolft_pipeline.ingest.spans.span import SideCallFilter
from toolft_pipeline.ingest.spans.span_join import CompletenessRules
from toolft_pipeline.settings import LogSettings
from toolft_pipeline.trajectories.record import Source, Trajectory


class Logs:
    """Files that are read together: those of a day, or one.

    `settings` has their format and limits; `key` is that of the lines' HMACs. `day_ends_ns` is the end of the files'
    day (nanoseconds since 1970), None if they are not those of a day. Raises `LogError` for a file that cannot be read,
    here and while the runs are streamed.
    """

    def __init__(
        self, paths: Sequence[Path], *, agent: str, settings: LogSettings, key: bytes, day_ends_ns: int | None = None
    ) -> None:
        self._agent = agent
        self._completeness = CompletenessRules(remote_parents=settings.remote_parents, day_ends_ns=day_ends_ns)
        self._side_calls = SideCallFilter(patterns=settings.side_calls)
        self._images = ImageCollector(max_bytes=settings.max_image_bytes, max_pixels=settings.max_image_pixels)
        self._files = [
            LogFile(
                path,
                format_=SERVED_FORMAT if is_served_file(path.name) else settings.format,
                max_line_bytes=settings.max_line_bytes,
                key=key,
            )
            for path in paths
        ]
        self.formats = {file.path: file.format for file in self._files}

    def runs(self, *, golden: bool = False) -> Iterator[LogEntry[Trajectory]]:
        """Stream the entries of the files.

        Raises `LogError` after a file whose lines or spans do not add up.
        """
        for files in self._grouped():
            yield from self._runs(files, golden=golden)

    def rows(self) -> Iterator[LogEntry[Trajectory | UnconvertedRun]]:
        """Stream the entries for a table.

        Like `runs`, but without a record for each run if the format allows it.
        """
        for files in self._grouped():
            format_ = LINE_FORMATS.get(files[0].format)
            if format_ is None or format_.read_for_table is None:
                yield from self._runs(files)
            else:
                yield from self._complete(files, partial(self._lines, files[0], format_.read_for_table))

    def _grouped(self) -> list[list[LogFile]]:
        """Group the files: each by itself, but all files of a span format together.

        A group is at the place of its first file.
        """
        groups: dict[str | int, list[LogFile]] = {}
        for place, file in enumerate(self._files):
            groups.setdefault(file.format if file.format in SPAN_FORMATS else place, []).append(file)
        return list(groups.values())

    def _runs(self, files: Sequence[LogFile], *, golden: bool = False) -> Iterator[LogEntry[Trajectory]]:
        span_format = SPAN_FORMATS.get(files[0].format)
        if span_format is None:
            read = partial(LINE_FORMATS[files[0].format].read, golden=golden)
            return self._complete(files, partial(self._lines, files[0], read))
        spans = SpanFiles(
            files,
            format_=span_format,
            agent=self._agent,
            completeness=self._completeness,
            side_calls=self._side_calls,
        )
        return self._complete(files, partial(spans.runs, golden=golden))

    def _complete(
        self, files: Sequence[LogFile], runs: Callable[[ReadCounts], Iterator[LogEntry[RunT_co]]]
    ) -> Iterator[LogEntry[RunT_co]]:
        """Add the images to the entries, and compare the counts of input and output."""
        read, returned = ReadCounts(), ReadCounts()
        for entry in self._with_images(runs(read)):
            if entry.run is not None:
                returned.lines += entry.lines
                returned.spans += entry.spans
            yield entry
        if read != returned:
            names = ", ".join(str(file.path) for file in files)
            counts = f"read {read.lines} lines and {read.spans} spans, returned {returned.lines} and {returned.spans}"
            raise LogError(f"{names}: lines were lost ({counts}); this is a bug of the reader, please report it")

    def _with_images(self, runs: Iterator[LogEntry[RunT_co]]) -> Iterator[LogEntry[RunT_co]]:
        """Add to each run the images that were read with it; a rejected run has none."""
        for entry, images in self._images.each_with_images(runs):
            has_images = images and not isinstance(entry.run, Rejection)
            yield msgspec.structs.replace(entry, images=images) if has_images else entry

    def _lines(
        self, file: LogFile, read: Callable[..., RunT_co | Rejection], counts: ReadCounts
    ) -> Iterator[LogEntry[RunT_co]]:
        path, name, format_ = file.path, file.path.name, file.format
        for line in file.lines():
            blank = line.blank
            counts.lines += not blank
            if blank or line.rejection is not None:
                yield LogEntry(path, line, line.rejection)
                continue
            source = Source(name, line.number, line.offset, format_)
            run, keys_not_read = read_line(read, line.data, agent=self._agent, source=source)
            yield LogEntry(path, line, run, keys_not_read=keys_not_read)
