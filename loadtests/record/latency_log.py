"""latency.hlog: an HdrHistogram interval log, one tagged histogram a second and name.

Format 1.3, as HdrHistogram's own readers take it. hdrhistogram's Python writer knows no tags, so the lines are
written here. A second and tag may have several lines (a worker's report that came late): they add up.
"""

import base64
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from hdrh.codec import HdrCookieException, HdrHistogramSettingsException, HdrLengthException
from hdrh.histogram import HdrHistogram

from loadtests.record.histograms import DIGITS, HIGHEST_US, LOWEST_US, name_of
from loadtests.record.run_file import RecordError
from scenarios.files import MB, read_limited
from scenarios.texts import visible

LATENCY_FILE = "latency.hlog"
LOG_BYTES_MAX = 1024 * MB  # an hour of phase 3 has 14 MB
NAMES_MAX, NAME_LETTERS_MAX = 2_000, 300
NAMES_ALLOWED = (
    f"requests have names of at most {NAME_LETTERS_MAX} letters, and there are at most {NAMES_MAX:,} of them: "
    "name them by their route, without ids"
)
# A histogram of ours, unpacked: its head, and the most that its 18,432 counts can take.
_HEAD = struct.Struct(">iiiiqqd")
_UNPACKED_BYTES_MAX = _HEAD.size + 9 * 18_432
_COUNT_MAX = 2**53
_MARK = b"#[Histogram log format version 1."
_UNREADABLE = (
    ValueError,
    TypeError,
    IndexError,
    ArithmeticError,
    MemoryError,
    RuntimeError,
    struct.error,
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
            _check(self.encoded)
            found = HdrHistogram.decode(self.encoded)
            _check_counts(found)
            return found
        except _UNREADABLE as error:
            raise RecordError(f"{self.where} is no interval of an HdrHistogram log: {error}.") from error

    def add_to(self, total: HdrHistogram) -> None:
        """Raises RecordError when it is no histogram, or of another range."""
        try:
            _check(self.encoded)
            total.decode_and_add(self.encoded)
            _check_counts(total)
        except _UNREADABLE as error:
            raise RecordError(f"{self.where} is no interval of an HdrHistogram log: {error}.") from error


def _check(encoded: bytes) -> None:
    """Before HdrHistogram sees it, which unpacks whatever comes, and makes room for any range. Raises ValueError."""
    packed = base64.b64decode(encoded, validate=True)
    unpacked = zlib.decompressobj().decompress(packed[8:], _UNPACKED_BYTES_MAX + 1)
    if len(unpacked) > _UNPACKED_BYTES_MAX:
        raise ValueError("it is larger than any histogram of a run record")
    *_, digits, lowest, highest, _ = _HEAD.unpack(unpacked[: _HEAD.size])
    if (lowest, highest, digits) != (LOWEST_US, HIGHEST_US, DIGITS):
        raise ValueError("it is of another range than those of a run record")


def _check_counts(found: HdrHistogram) -> None:
    if not 0 <= found.get_total_count() <= _COUNT_MAX:
        raise ValueError("it counts more than can be")


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


def name_in(tag: str) -> tuple[str, bool]:
    """(name as it is shown, failed) of a tag."""
    name, failed = name_of(tag)
    return visible(name.replace("\n", " ")), failed


def admit(name: str, names: set[str]) -> bool:
    """Add a name to those of a log. False when no log may have it."""
    if name not in names:
        if len(name) > NAME_LETTERS_MAX or len(names) >= NAMES_MAX:
            return False
        names.add(name)
    return True


def read_log(path: Path, intervals: int | None = None) -> Iterator[Interval]:
    """The intervals of a log, in the file's order. The torn last line of a killed run is left out.

    Raises RecordError for a file that is no such log, or holds fewer than the `intervals` that it was closed with.
    """
    try:
        lines = read_limited(path, LOG_BYTES_MAX).split(b"\n")
    except OSError as error:
        raise RecordError(f"{path} cannot be read: {error.strerror}.") from error
    if lines == [b""]:
        raise RecordError(f"{path} is empty: the run ended before its first second, or the file was cut off.")
    if not lines[0].startswith(_MARK[: len(lines[0])] if len(lines) == 1 else _MARK):
        raise RecordError(f"{path} is no HdrHistogram log: it does not begin with {_MARK.decode()}")
    base, found, names = 0.0, 0, set[str]()
    for number, text in enumerate(lines[:-1], 1):  # a whole line ends with a line break
        try:
            if text.startswith(b"#[BaseTime: "):
                base = float(text.split()[1])
            if text.startswith((b"#", b'"')) or not text:
                continue
            tag, start, _, _, encoded = text.removeprefix(b"Tag=").split(b",")
            name, failed = name_in(tag.decode())
            if not admit(name, names):
                raise RecordError(f"{path}, line {number}: {NAMES_ALLOWED}.")
            yield Interval(int(base + float(start)), name, failed, encoded, f"{path}, line {number},")
        except ValueError as error:
            raise RecordError(f"{path}, line {number}, is no interval of an HdrHistogram log.") from error
        found += 1
    if intervals is not None and found < intervals:
        raise RecordError(f"{path} is cut off: {found:,} of its {intervals:,} intervals are there.")
