"""A record gives back what was measured; a torn, foreign or empty one is refused in a sentence."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

from loadtests.record import SERIES_FILE, Record, RecordError, Run, new_folder, resolve
from loadtests.record.histograms import percentile_ms
from tests.loadtests.making import RAMP_S, START, WARM_UP_S, Second, healthy, write


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return write(tmp_path / "run", 30, healthy)


def test_only_the_windows_after_the_warm_up_count(record: Record) -> None:
    assert record.measured == (START + RAMP_S + WARM_UP_S, START + RAMP_S + 30)
    assert record.measured_seconds == 27
    assert record.latency(["POST /swipes"]).get_total_count() == 27 * 10


def test_patterns_choose_names(record: Record) -> None:
    assert record.latency(["GET /*", "POST /*"]).get_total_count() == 27 * 14
    assert record.latency(["GET /nothing"]).get_total_count() == 0


def test_failures_are_kept_apart(tmp_path: Path) -> None:
    record = write(tmp_path / "run", 30, lambda _: Second({"GET /me": [100.0] * 10}, {"GET /me": [1.0] * 10}))
    assert percentile_ms(record.latency(["GET /me"]), 50) == pytest.approx(100, rel=1e-3)
    latency = record.latencies()["GET /me"]
    assert (latency.count, latency.failed) == (270, 270)
    assert record.series["requests"][10] == 20
    assert record.series["failures"][10] == 10


def test_too_few_samples_give_no_percentile(tmp_path: Path) -> None:
    record = write(tmp_path / "run", 4, lambda _: Second({"GET /me": [100.0]}))
    latency = record.latencies()["GET /me"]
    assert (latency.count, latency.p50, latency.p95, latency.p99, latency.max) == (1, None, None, None, 100.031)


def test_the_summary_in_run_json_is_that_of_the_log(record: Record) -> None:
    assert record.run.latency_ms == record.latencies()
    assert record.run.problems == ()


def test_the_log_opens_in_another_reader(record: Record) -> None:
    reader = HistogramLogReader(str(record.folder / "latency.hlog"), HdrHistogram(1, 120_000_000, 3))
    total = 0
    while (interval := reader.get_next_interval_histogram()) is not None:
        total += interval.get_total_count()
    reader.close()
    assert total == 32 * (4 + 10 + 3 + 10 + 2 + 5 + 20)


def test_a_killed_run_is_readable_up_to_its_last_second(tmp_path: Path) -> None:
    whole = write(tmp_path / "run", 30, healthy, finish=False)
    assert whole.run.status == "running"
    # A line that was being written when the power went.
    for name in ("latency.hlog", "series.csv"):
        with (whole.folder / name).open("a") as file:
            file.write("Tag=GET:/me,12.000,1.0" if name.endswith("hlog") else f"{START + 32},1")
    torn = Record.read(whole.folder)
    assert torn.intervals == whole.intervals
    assert torn.series == whole.series
    assert torn.measured_seconds == 26  # the last second may not be whole


def read_all(folder: Path) -> None:
    record = Record.read(folder)
    _ = record.series, record.intervals, record.names()


def versioned(number: int) -> Callable[[bytes], bytes]:
    return lambda old: old.replace(b'"schema_version": 4', b'"schema_version": %d' % number)


def breaks(record: Record, name: str, content: bytes | Callable[[bytes], bytes]) -> str:
    path = record.folder / name
    path.write_bytes(content if isinstance(content, bytes) else content(path.read_bytes()))
    with pytest.raises(RecordError) as caught:
        read_all(record.folder)
    return str(caught.value)


def test_a_record_of_before_the_reference_work_is_read_without_it(record: Record) -> None:
    file = record.folder / "series.csv"
    file.write_text(file.read_text().replace("reference_work_cpu_ms", "something_else"))
    assert set(Record.read(record.folder).series["reference_work_cpu_ms"]) == {None}


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("run.json", b"", "run.json is empty: the record was never begun"),
        ("run.json", b"{}", "run.json is not the run.json of a run record: it names no schema_version."),
        ("run.json", b"[1]", "run.json is not the run.json of a run record"),
        ("run.json", b"\xff\xfe", "run.json is cut off or no JSON"),
        ("run.json", lambda old: old[: len(old) // 2], "run.json is cut off or no JSON"),
        ("run.json", versioned(5), "has schema version 5, this Matchday reads 4: a newer one wrote it."),
        ("run.json", versioned(1), "has schema version 1, this Matchday reads 4: measure again"),
        ("run.json", lambda old: old.replace(b'"host"', b'"guest"'), "is no run record that can be read: host: Field"),
        ("series.csv", b"", "series.csv is empty: the run ended before its first second"),
        ("series.csv", b"time,value\n1,2\n", "is not the series.csv of a run record: it has no column 'second'."),
        ("series.csv", b"second,requests\n1,2\n", "is not the series.csv of a run record: it has no column 'users'."),
        ("series.csv", lambda old: old.replace(b"failures", b"luck"), "it has no column 'failures'."),
        ("series.csv", lambda old: old + b"many\n", "series.csv has a row that does not fit its header"),
        ("series.csv", lambda old: old + b"1,2\n", "series.csv has a row that does not fit its header"),
        ("series.csv", b"\x89PNG\xff", "series.csv cannot be read: it is no text."),
        ("latency.hlog", b"", "latency.hlog is empty: the run ended before its first second"),
        ("latency.hlog", b"Tag=x\n", "latency.hlog is no HdrHistogram log: it does not begin with #[Histogram log"),
        ("latency.hlog", lambda old: old + b"Tag=x\n", "is no interval of an HdrHistogram log."),
        ("latency.hlog", lambda old: old[: len(old) // 2], "latency.hlog is cut off: "),
        ("latency.hlog", lambda old: old + b"Tag=GET:/a,8.0,1.0,1.0,HISTFAAAA\n", "is no interval of an HdrHistogram"),
        ("latency.hlog", lambda old: old + b"Tag=GET:/a,8.0,1.0,1.0,!!\n", "is no interval of an HdrHistogram log"),
    ],
)
def test_a_broken_file_is_named_with_what_is_wrong(
    record: Record, name: str, content: bytes | Callable[[bytes], bytes], sentence: str
) -> None:
    assert sentence in breaks(record, name, content)


@pytest.mark.parametrize("name", ["run.json", "latency.hlog", "series.csv"])
def test_a_missing_file_is_named(record: Record, name: str) -> None:
    (record.folder / name).unlink()
    with pytest.raises(RecordError, match=rf"{name} cannot be read: No such file"):
        read_all(record.folder)


def test_latest_is_the_newest_and_names_are_looked_up(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="There is no run record in"):
        resolve("latest", tmp_path)
    for name in ("20260101T000000Z-phase-1", "20260301T000000Z-phase-1", "20260201T000000Z-phase-3"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").touch()
    assert resolve("latest", tmp_path).name == "20260301T000000Z-phase-1"
    assert resolve("20260101T000000Z-phase-1", tmp_path) == tmp_path / "20260101T000000Z-phase-1"
    assert resolve("elsewhere/run", tmp_path) == Path("elsewhere/run")


def test_two_runs_of_the_same_second_get_two_folders(tmp_path: Path) -> None:
    folders = {new_folder(tmp_path, "phase-1") for _ in range(5)}
    assert len(folders) == 5


def test_the_schema_that_is_checked_in_is_the_one_that_is_written() -> None:
    checked_in = json.loads(Path("docs/run.schema.json").read_text())
    assert checked_in == Run.model_json_schema(mode="serialization"), "make schema writes it anew"


@pytest.mark.parametrize(("cell", "read"), [("-2.88303e-11", 0.0), ("-0.01", 0.0), ("nan", None), ("0.5", 0.5)])
def test_what_counters_do_now_and_then_is_no_damage(tmp_path: Path, cell: str, read: float | None) -> None:
    folder = write(tmp_path / "run", 3, healthy).folder
    file = folder / SERIES_FILE
    file.write_text(file.read_text().replace(",0.2,", f",{cell},"))
    assert set(Record.read(folder).series["cpu_cores_app"]) == {read}
