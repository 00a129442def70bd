"""Windows of several workers become one second; what cannot be written is said first."""

from pathlib import Path

import pytest

from loadtests import writer
from loadtests.collector import Collector
from loadtests.histograms import percentile_ms
from loadtests.record import Record
from loadtests.writer import RecordWriter, Window, check_writable
from scenarios.outcome import UsageError
from tests.loadtests.making import START, Clock, run_info


def windows(latencies: list[float], sockets: float) -> list[Window]:
    clock = Clock()
    collector = Collector(clock)
    collector.gauge("sockets", lambda: sockets)
    for latency in latencies:
        collector.record("GET /me", latency)
    clock.now += 1
    # As a worker's report carries them.
    return [Window.unpacked(window.packed()) for window in collector.take()]


def recorded(folder: Path, parts: list[list[float]]) -> Record:
    book = RecordWriter(folder, run_info())
    book.steady(START - 10, 100)
    for part in parts:
        for window in windows(part, sockets=len(part)):
            book.add(window)
    book.finish("finished", "", START + 5)
    return Record.read(folder)


def test_two_workers_are_as_one_bit_for_bit(tmp_path: Path) -> None:
    fast, slow = [1.0 + i / 7 for i in range(500)], [200.0 + i for i in range(500)]
    two, one = recorded(tmp_path / "two", [fast, slow]), recorded(tmp_path / "one", [fast + slow])
    assert [i.encoded for i in two.intervals] == [i.encoded for i in one.intervals]
    assert two.series["requests"] == one.series["requests"] == [1000]
    assert two.series["sockets"] == one.series["sockets"]
    assert percentile_ms(two.latency(["GET /me"]), 95) == percentile_ms(one.latency(["GET /me"]), 95)


def test_a_window_that_comes_late_is_not_lost(tmp_path: Path) -> None:
    book = RecordWriter(tmp_path / "run", run_info())
    book.write_until(START + 5)
    for window in windows([1.0, 2.0], sockets=1):
        book.add(window)
    book.finish("finished", "", None)
    assert sum(value or 0 for value in Record.read(tmp_path / "run").series["requests"]) == 2


def test_a_folder_is_used_once(tmp_path: Path) -> None:
    RecordWriter(tmp_path / "run", run_info()).finish("finished", "", None)
    with pytest.raises(UsageError, match="holds a run record already"):
        RecordWriter(tmp_path / "run", run_info())


def test_a_place_that_cannot_be_written_is_said_before_the_load(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UsageError, match=r"No run record can be written to .*Name another folder with --runs"):
        check_writable(tmp_path / "file" / "runs")


def test_a_full_disk_is_said_before_the_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "FREE_BYTES_MIN", 2**62)
    with pytest.raises(UsageError, match=r"has only .* MB left; a run record needs"):
        check_writable(tmp_path)
