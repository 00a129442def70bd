"""Windows of several workers become one second; what cannot be written is said first."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtests.record import Record
from loadtests.record.histograms import percentile_ms
from loadtests.record.latency_log import NAME_LETTERS_MAX, NAMES_ALLOWED, NAMES_MAX
from loadtests.recording import writer
from loadtests.recording.collector import Collector
from loadtests.recording.machine import machine_identity
from loadtests.recording.window import MachineLoad, Window
from loadtests.recording.writer import ROW_AFTER_S, RecordWriter, check_writable
from scenarios.outcome import UsageError
from tests.loadtests.making import START, Clock, run_info

TmpPaths = pytest.TempPathFactory


def windows(latencies: list[float], sockets: float) -> list[Window]:
    return collected([(latency, False) for latency in latencies], sockets)


def collected(samples: list[tuple[float, bool]], sockets: float = 0) -> list[Window]:
    """What a process that saw these (latency, failed) in one second reports."""
    clock = Clock()
    collector = Collector(clock)
    collector.gauge("sockets", lambda: sockets)
    for latency, failed in samples:
        collector.record("GET /me", latency, failed)
    clock.now += 1
    # As a worker's report carries them.
    return [Window.unpacked(window.packed()) for window in collector.take()]


def recorded(folder: Path, parts: list[list[float]]) -> Record:
    book = RecordWriter(folder, run_info())
    book.steady(START - 10)
    for part in parts:
        for window in windows(part, sockets=len(part)):
            book.add(window)
    book.finish("finished", "", START + 1)
    return Record.read(folder)


def test_two_workers_are_as_one_bit_for_bit(tmp_path: Path) -> None:
    fast, slow = [1.0 + i / 7 for i in range(500)], [200.0 + i for i in range(500)]
    two, one = recorded(tmp_path / "two", [fast, slow]), recorded(tmp_path / "one", [fast + slow])
    assert [i.encoded for i in two.intervals] == [i.encoded for i in one.intervals]
    assert two.series["requests"] == one.series["requests"] == [1000]
    assert two.series["sockets"] == one.series["sockets"]
    assert percentile_ms(two.latency(["GET /me"]), 95) == percentile_ms(one.latency(["GET /me"]), 95)


def test_whatever_way_samples_are_spread_over_processes_the_record_is_the_same(tmp_path_factory: TmpPaths) -> None:
    @given(st.lists(st.tuples(st.floats(0.01, 60_000), st.booleans(), st.integers(0, 3)), min_size=1, max_size=60))
    @settings(max_examples=30, deadline=None)
    def spread(samples: list[tuple[float, bool, int]]) -> None:
        folder = tmp_path_factory.mktemp("records")
        processes = [[(ms, failed) for ms, failed, process in samples if process == number] for number in range(4)]
        for name, parts in (("one", [[(ms, failed) for ms, failed, _ in samples]]), ("four", processes)):
            book = RecordWriter(folder / name, run_info())
            for part in parts:
                for window in collected(part):
                    book.add(window)
            book.finish("finished", "", None)
        for file in ("latency.hlog", "series.csv"):
            assert (folder / "one" / file).read_bytes() == (folder / "four" / file).read_bytes()

    spread()


def test_a_window_that_comes_late_is_put_right_in_its_own_second(tmp_path: Path) -> None:
    book = RecordWriter(tmp_path / "run", run_info())
    for window in windows([1.0, 2.0, 3.0], sockets=1):
        book.add(window)
    book.flush(START + 5 + ROW_AFTER_S)
    for window in windows([4.0, 5.0], sockets=1):
        book.add(window)
    book.observe(START, {"cpu_cores_app": 0.5})
    book.finish("finished", "", None)
    series = Record.read(tmp_path / "run").series
    assert (series["requests"][0], series["sockets"][0], series["cpu_cores_app"][0]) == (5, 2, 0.5)
    assert series["second"] == [START + number for number in range(5)]
    assert sum(i.decoded().get_total_count() for i in Record.read(tmp_path / "run").intervals) == 5


def test_a_second_is_on_disk_as_soon_as_it_has_ended(tmp_path: Path) -> None:
    book = RecordWriter(tmp_path / "run", run_info())
    for window in windows([1.0, 2.0], sockets=1):
        book.add(window)
    book.flush(START + 1)
    assert [i.decoded().get_total_count() for i in Record.read(tmp_path / "run").intervals] == [2]
    book.close()


def test_foreign_cpu_is_what_neither_stations_nor_any_generator_process_used(tmp_path: Path) -> None:
    here, elsewhere = machine_identity(), "another machine"
    loads = [(here, 1.0, 0.3), (here, 1.0, 0.2), (elsewhere, 0.9, 0.1)]
    book = RecordWriter(tmp_path / "run", run_info())
    for host, busy, own in loads:
        machine = MachineLoad(host=host, busy_cores=busy, steal_cores=0.05, memory_percent=10.0)
        book.add(Window(START, sums={"generator_cpu_cores": own}, machine=machine))
    book.observe(START, {"measured_cpu_cores": 0.4})
    book.finish("finished", "", None)
    series = Record.read(tmp_path / "run").series
    assert series["foreign_cpu_cores"] == [pytest.approx(0.8)]  # of the other machine; here it is 0.1
    assert series["machine_cpu_cores"] == [pytest.approx(0.9)]
    assert series["generator_cpu_cores"] == [pytest.approx(0.6)]


def test_names_that_no_record_may_have_are_left_out(tmp_path: Path) -> None:
    clock = Clock()
    collector = Collector(clock)
    for number in range(NAMES_MAX + 1):
        collector.record(f"GET /people/{number}", 5.0)
    collector.record(f"GET /{'long' * NAME_LETTERS_MAX}", 5.0)
    clock.now += 1
    book = RecordWriter(tmp_path / "run", run_info())
    for window in collector.take():
        book.add(window)
    book.flush(START + 10)
    assert book.left_out == NAMES_ALLOWED
    book.finish("finished", "", None)
    record = Record.read(tmp_path / "run")
    assert (record.run.status, record.run.status_reason) == ("interrupted", NAMES_ALLOWED)
    assert len({interval.name for interval in record.intervals}) == NAMES_MAX
    assert record.run.latency_ms is not None


def test_a_disk_that_becomes_full_leaves_a_readable_record(tmp_path: Path) -> None:
    child = subprocess.run([sys.executable, "-c", _UNTIL_FULL, str(tmp_path / "run")], capture_output=True, text=True)
    assert child.returncode == 0, child.stderr
    assert "File too large" in child.stdout
    record = Record.read(tmp_path / "run")
    assert record.run.status == "interrupted"
    assert "could not be written: File too large" in record.run.status_reason
    assert len(record.intervals) == record.run.intervals
    assert sum(i.decoded().get_total_count() for i in record.intervals) >= 100
    assert len(record.series["second"]) >= 1


# A limit on the size of files is the full disk that anybody can make. SIGXFSZ is ignored by Python.
_UNTIL_FULL = """
import resource, sys
from pathlib import Path
from loadtests.recording.writer import RecordWriter
from tests.loadtests.making import START, run_info
from tests.loadtests.test_writer import windows

book = RecordWriter(Path(sys.argv[1]), run_info())
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
try:
    for second in range(10_000):
        for window in windows([float(n) for n in range(1, 30)], sockets=1):
            window.second = START + second
            book.add(window)
        book.flush(START + second + 1)
except OSError as error:
    print(error.strerror)
    book.finish("interrupted", f"the record could not be written: {error.strerror}", None)
"""


def test_latencies_of_many_names_that_fit_no_more_are_still_in_the_log(tmp_path: Path) -> None:
    child = subprocess.run([sys.executable, "-c", _MANY_NAMES, str(tmp_path / "run")], capture_output=True, text=True)
    assert child.returncode == 0, child.stderr
    record = Record.read(tmp_path / "run")
    assert (record.run.status, record.run.latency_ms) == ("finished", None)
    assert record.run.validity is not None
    assert len(record.latencies()) == 1_000


_MANY_NAMES = """
import resource, sys
from pathlib import Path
from loadtests.recording.collector import Collector
from loadtests.recording.writer import RecordWriter
from tests.loadtests.making import START, Clock, run_info

clock = Clock()
collector = Collector(clock)
for number in range(1_000):
    collector.record(f"GET /people/{number}", 5.0)
clock.now += 1
book = RecordWriter(Path(sys.argv[1]), run_info())
book.steady(START - 10)
for window in collector.take():
    book.add(window)
book.flush(START + 10)
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
book.finish("finished", "", None)
"""


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
