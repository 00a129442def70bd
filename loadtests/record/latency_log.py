"""latency.hlog: an HdrHistogram interval log, one tagged histogram a second and name.

Format 1.3, as HdrHistogram's own readers take it. hdrhistogram's Python writer knows no tags, so the lines are
written here. A second and tag may have several lines (a worker's report that came late): they add up.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from hdrh.codec import HdrCookieException, HdrHistogramSettingsException, HdrLengthException
from hdrh.histogram import HdrHistogram

from loadtests.record.histograms import name_of
from loadtests.record.run_file import RecordError

LATENCY_FILE = "latency.hlog"
_MARK = b"#[Histogram log format version 1."
_UNREADABLE = (
    ValueError,
    TypeError,
    IndexError,
    RuntimeError,
    zlib.error,
    HdrCookieException,
    HdrHistogramSettingsException,
    HdrLengthException,
)


@dataclass(frozen=True)
class Interval:
    """One histogram of the log, still encoded; `where` is the file and line it comes from."""

    second: int
    name: str
    failed: bool
    encoded: bytes
    where: str = ""

    def decoded(self) -> HdrHistogram:
        """Raises RecordError when it is no histogram."""
        try:
            return HdrHistogram.decode(self.encoded)
        except _UNREADABLE as error:
            raise RecordError(f"{self.where} is no interval of an HdrHistogram log: {error}.") from error

    def add_to(self, total: HdrHistogram) -> None:
        """Raises RecordError when it is no histogram, or of another range."""
        try:
            total.decode_and_add(self.encoded)
        except _UNREADABLE as error:
            raise RecordError(f"{self.where} is no interval of an HdrHistogram log: {error}.") from error


def header(started_at: datetime) -> str:
    """The head of a log whose times count from `started_at`, cut to the second."""
    base = int(started_at.timestamp())
    return (
        "#[Histogram log format version 1.3]\n"
        f"#[StartTime: {base}.000 (seconds since epoch), {started_at:%a %b %d %H:%M:%S UTC %Y}]\n"
        f"#[BaseTime: {base}.000 (seconds since epoch)]\n"
        "#[Values are microseconds; Interval_Max is milliseconds]\n"
        '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"\n'
    )


def line(tag: str, offset_s: int, highest_us: int, encoded: bytes) -> str:
    """One interval of one second, `offset_s` after the base time."""
    return f"Tag={tag},{offset_s}.000,1.000,{highest_us / 1000:.3f},{encoded.decode()}\n"


def read_log(path: Path, intervals: int | None = None) -> Iterator[Interval]:
    """The intervals of a log, in the file's order. The torn last line of a killed run is left out.

    Raises RecordError for a file that is no such log, or holds fewer than the `intervals` that it was closed with.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise RecordError(f"{path} cannot be read: {error.strerror}.") from error
    if lines == [b""]:
        raise RecordError(f"{path} is empty: the run ended before its first second, or the file was cut off.")
    if not lines[0].startswith(_MARK[: len(lines[0])] if len(lines) == 1 else _MARK):
        raise RecordError(f"{path} is no HdrHistogram log: it does not begin with {_MARK.decode()}")
    base, found = 0.0, 0
    for number, text in enumerate(lines[:-1], 1):  # a whole line ends with a line break
        try:
            if text.startswith(b"#[BaseTime: "):
                base = float(text.split()[1])
            if text.startswith((b"#", b'"')) or not text:
                continue
            tag, start, _, _, encoded = text.removeprefix(b"Tag=").split(b",")
            name, failed = name_of(tag.decode())
            yield Interval(int(base + float(start)), name, failed, encoded, f"{path}, line {number},")
        except ValueError as error:
            raise RecordError(f"{path}, line {number}, is no interval of an HdrHistogram log.") from error
        found += 1
    if intervals is not None and found < intervals:
        raise RecordError(f"{path} is cut off: {found:,} of its {intervals:,} intervals are there.")
