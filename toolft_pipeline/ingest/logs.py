"""Log files as runs and rejections, whatever their formats and packing.

Invariant: every line of every file comes out once, with its place: as a trajectory, a rejection or a blank, or as a
part of one run where runs are spread over lines. What was read is compared with what came out. The spans of a trace
are looked for in all files of its format, since a log rotates where it likes: in the middle of a run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from toolft_pipeline.ingest.formats import READERS, SPAN_FORMATS
from toolft_pipeline.ingest.images.image_collector import ImageCollector
from toolft_pipeline.ingest.line_reader import read_line
from toolft_pipeline.ingest.lines.openai_table import UnconvertedRun, read_openai_row
from toolft_pipeline.ingest.log_file import LogEntry, LogError, LogFile, ReadCounts, RunT_co
from toolft_pipeline.ingest.parsing.rejects import Rejection
from toolft_pipeline.ingest.span_files import SpanFiles
from toolft_pipeline.ingest.spans.span import SideCallFilter
from toolft_pipeline.ingest.spans.span_join import CompletenessRules
from toolft_pipeline.settings import LogSettings
from toolft_pipeline.trajectories.record import Source, Trajectory


class Logs:
    """Files that are read together: those of a day, or one. `settings` says their format and has the caps.

    `day_ends_ns` is when the day of the files was over (nanoseconds since 1970), None where they are not a day's.

    Raises `LogError` for a file that cannot be read, here and while the runs are streamed.
    """

    def __init__(
        self, paths: Sequence[Path], *, agent: str, settings: LogSettings, day_ends_ns: int | None = None
    ) -> None:
        self._agent = agent
        self._borders = CompletenessRules(remote_parents=settings.remote_parents, day_ends_ns=day_ends_ns)
        self._side = SideCallFilter(patterns=settings.side_calls)
        self._inbox = ImageCollector(max_bytes=settings.max_image_bytes, max_pixels=settings.max_image_pixels)
        self._files = [LogFile(path, format_=settings.format, max_line_bytes=settings.max_line_bytes) for path in paths]
        self.formats = {file.path: file.format for file in self._files}

    def runs(self, *, golden: bool = False) -> Iterator[LogEntry[Trajectory]]:
        """What the files hold. Raises `LogError` behind a file whose lines or spans are not accounted for."""
        for files in self._together():
            yield from self._runs(files, golden=golden)

    def rows(self) -> Iterator[LogEntry[Trajectory | UnconvertedRun]]:
        """What the files hold for a table: like `runs`, without a record for each run where the format allows it."""
        for files in self._together():
            yield from self._columns(files) if files[0].format == "openai" else self._runs(files)

    def _together(self) -> list[list[LogFile]]:
        """The files one by one, but those of a span format together, where the first of them stands."""
        groups: dict[str | int, list[LogFile]] = {}
        for place, file in enumerate(self._files):
            groups.setdefault(file.format if file.format in SPAN_FORMATS else place, []).append(file)
        return list(groups.values())

    def _runs(self, files: Sequence[LogFile], *, golden: bool = False) -> Iterator[LogEntry[Trajectory]]:
        format_ = files[0].format
        if format_ not in SPAN_FORMATS:
            return self._accounted(files, partial(self._lines, files[0], partial(READERS[format_], golden=golden)))
        spans = SpanFiles(
            files,
            name=format_,
            format_=SPAN_FORMATS[format_],
            agent=self._agent,
            borders=self._borders,
            side=self._side,
        )
        return self._accounted(files, partial(spans.runs, golden=golden))

    def _columns(self, files: Sequence[LogFile]) -> Iterator[LogEntry[Trajectory | UnconvertedRun]]:
        return self._accounted(files, lambda account: self._lines(files[0], read_openai_row, account))

    def _accounted(
        self, files: Sequence[LogFile], runs: Callable[[ReadCounts], Iterator[LogEntry[RunT_co]]]
    ) -> Iterator[LogEntry[RunT_co]]:
        read, given = ReadCounts(), ReadCounts()
        for found in self._inbox.each_with_images(runs(read)):
            if found.run is not None:
                given.lines += found.lines
                given.spans += found.spans
            yield found
        if read != given:
            names = ", ".join(str(file.path) for file in files)
            counts = f"{read.lines} lines and {read.spans} spans read, {given.lines} and {given.spans} given out"
            raise LogError(f"{names}: lines were lost ({counts}); this is a fault of the reader, report it")

    def _lines(
        self, file: LogFile, read: Callable[..., RunT_co | Rejection], account: ReadCounts
    ) -> Iterator[LogEntry[RunT_co]]:
        path, name, format_ = file.path, file.path.name, file.format
        for line in file.lines():
            blank = line.blank
            account.lines += not blank
            if blank or line.rejection is not None:
                yield LogEntry(path, line, line.rejection)
                continue
            source = Source(name, line.number, line.offset, format_)
            run, unread = read_line(read, line.data, agent=self._agent, source=source)
            yield LogEntry(path, line, run, unread=unread)
