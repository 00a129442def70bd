"""However a generator ends, its record is readable, and says what is missing."""

import os
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from capacity.targets import check
from loadtests.record import Record
from loadtests.recording.writer import close_abandoned
from scenarios.outcome import Verdict
from tests.e2e.conftest import seconds_recorded
from tests.proof.conftest import everything, locust, server
from tests.waiting import wait_for

RECORDED_S = 3
# From the end of a second until it is on the disk: a message from the worker, a tick of the master, and a busy machine.
WRITTEN_WITHIN_S = 0.5


def recorded(folder: Path, seconds: int = RECORDED_S) -> None:
    wait_for(lambda: seconds_recorded(folder.parent) >= seconds, "record")


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("moment", [0.35, 0.6, 0.95])
def test_a_generator_killed_at_any_moment_keeps_every_second_that_had_ended(
    tmp_path: Path, processes: int, moment: float
) -> None:
    folder = tmp_path / "run"
    more = ("--processes", "2") if processes == 2 else ()
    with server() as backend, locust(folder, "Calm", backend.host, 10, 60, *more) as process:
        recorded(folder)
        wait_for(lambda: moment <= time.time() % 1 < moment + 0.1, "moment")
        killed_at = time.time()
        os.killpg(process.pid, signal.SIGKILL)
    last_whole = int(killed_at - WRITTEN_WITHIN_S) - 1
    record = Record.read(folder)
    assert record.run.status == "running"
    assert max(interval.second for interval in record.intervals if interval.name == "GET /law/constant") >= last_whole
    close_abandoned(folder, "killed by a test")
    assert check(Record.read(folder)).verdict is Verdict.INVALID


def test_a_lost_worker_makes_the_run_invalid_and_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with server() as backend, locust(folder, "Calm", backend.host, 10, 14, "--processes", "2") as process:
        recorded(folder)
        psutil.Process(process.pid).children()[0].kill()
        process.wait(60)
    record = Record.read(folder)
    assert record.complete
    assert len(record.run.workers_lost) == 1
    lost = next(trust for trust in record.run.problems if trust.key == "workers_lost")
    assert "1 of 2 workers of the generator did not live to the end" in lost.problem
    assert check(record).verdict is Verdict.INVALID


def test_when_all_workers_are_lost_the_run_ends_before_its_time(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with server() as backend, locust(folder, "Calm", backend.host, 10, 600, "--processes", "2") as process:
        recorded(folder)
        for worker in psutil.Process(process.pid).children():
            worker.kill()
        process.wait(60)
    record = Record.read(folder)
    assert record.run.status == "interrupted"
    assert len(record.run.workers_lost) == 2


def test_a_backend_that_dies_mid_run_leaves_failures_not_latencies(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with server() as backend, locust(folder, "Calm", backend.host, 10, 9) as process:
        recorded(folder)
        before = everything(Record.read(folder), "GET /law/constant").get_total_count()
        backend.stop()
        process.wait(60)
    record = Record.read(folder)
    assert record.complete, record.state
    assert everything(record, "GET /law/constant", failed=True).get_total_count() > before
    assert 0.0 in record.measured_values("answered")
    found = check(record)
    assert found.failures.verdict is Verdict.FAIL
    assert {t.key: t.verdict for t in found.targets}["uptime"] is Verdict.FAIL


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_a_signal_loses_no_sample_of_several_workers(tmp_path: Path, number: signal.Signals) -> None:
    folder = tmp_path / "run"
    with server() as backend:
        with locust(folder, "Calm", backend.host, 10, 600, "--processes", "2") as process:
            recorded(folder)
            # As a terminal sends Ctrl-C: to everybody. SIGTERM goes to the one that was started.
            (os.killpg if number is signal.SIGINT else os.kill)(process.pid, number)
            process.wait(60)
        done = backend.log()["/law/constant 200"]
    record = Record.read(folder)
    assert record.run.status == "interrupted"
    assert record.run.workers_lost == ()
    assert everything(record, "GET /law/constant").get_total_count() == len(done)


def test_names_without_end_end_the_test_with_a_sentence(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with server() as backend, locust(folder, "Numbered", backend.host, 5, 600) as process:
        _, log = process.communicate(timeout=60)
    assert "Requests have names of at most 300 letters, and there are at most 2,000 of them" in log
    assert "Traceback" not in log
    record = Record.read(folder)
    assert record.run.status == "interrupted"
    assert "name them by their route, without ids" in record.run.status_reason
    assert len({interval.name for interval in record.intervals}) == 2_000


def test_a_disk_that_becomes_full_ends_the_test_with_a_sentence(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with server() as backend, locust(folder, "Many", backend.host, 5, 600) as process:
        recorded(folder, 1)
        # No file may grow beyond this: what a full disk looks like to a program, without being root.
        psutil.Process(process.pid).rlimit(psutil.RLIMIT_FSIZE, (200_000, 200_000))
        _, log = process.communicate(timeout=60)
    assert "could not be written any more: File too large. The test is stopped." in log
    record = Record.read(folder)
    assert record.run.status == "interrupted"
    assert "File too large" in record.run.status_reason
    assert record.run.validity is not None
    assert len(record.intervals) == record.run.intervals
    assert subprocess.run(["tail", "-c1", folder / "latency.hlog"], capture_output=True).stdout == b"\n"
