"""Servers and generators of the proofs: each runs as a process of its own, as in a real test."""

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

import pytest
from hdrh.histogram import HdrHistogram

from loadtests.record import Record
from loadtests.record.histograms import histogram, percentile_ms
from scenarios.children import end_with_parent

HERE = Path(__file__).parent
PERCENTILES = (50.0, 95.0, 99.0)


@dataclass
class Server:
    """A running test server."""

    host: str
    process: subprocess.Popen[str]

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()

    def log(self) -> dict[str, list[float]]:
        """Milliseconds it really took, by "path status"."""
        with urllib.request.urlopen(f"{self.host}/log", timeout=10) as response:
            found: dict[str, list[float]] = json.load(response)
        return found


@contextmanager
def server(*arguments: str) -> Iterator[Server]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.proof.server", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=end_with_parent,
    )
    with process:
        try:
            assert process.stdout
            yield Server(f"http://127.0.0.1:{int(process.stdout.readline())}", process)
        finally:
            process.terminate()


@dataclass
class Generated:
    """What a generator left: our record, and Locust's own statistics."""

    record: Record
    locusts_own: list[dict[str, Any]]
    out: str

    @property
    def arriving_s(self) -> float:
        """How long arrivals came: from what `Evenly` says when it begins until the test stops."""
        return self.acting_s[0]

    @property
    def acting_s(self) -> list[float]:
        """For each user who says when it begins, how long it acted until the test stopped."""
        stopped, lines = self.record.run.stopping_from, self.out.splitlines()
        assert stopped
        return [stopped - float(line.removeprefix("BEGAN")) for line in lines if line.startswith("BEGAN")]

    def by_locust_ms(self, name: str, percentile: float) -> float:
        """A percentile as Locust itself computes it, from its rounded times."""
        entry = next(entry for entry in self.locusts_own if entry["name"] == name)
        times = sorted(((float(ms), count) for ms, count in entry["response_times"].items()), reverse=True)
        left, wanted = entry["num_requests"], int(entry["num_requests"] * percentile / 100)
        for ms, count in times:
            left -= count
            if left <= wanted:
                return ms
        return 0.0


Generate = Callable[..., Generated]


@pytest.fixture
def generate(tmp_path: Path) -> Generate:
    """Runs Locust with one of the users of traffic.py."""

    def run(
        user: str,
        host: str,
        users: int,
        seconds: int,
        *arguments: str,
        settings: Sequence[str] = (),
        name: str = "run",
        rate: float = 0.0,
    ) -> Generated:
        own = tmp_path / f"{name}-own"
        arguments = (*arguments, "--json-file", str(own))
        rated = ("-r", str(rate or users))
        with locust(tmp_path / name, user, host, users, seconds, *rated, *arguments, settings=settings) as process:
            out, log = process.communicate(timeout=seconds + 60)
        assert process.returncode == 0, log[-3000:]
        return Generated(Record.read(tmp_path / name), json.loads(own.with_suffix(".json").read_text()), out)

    return run


@contextmanager
def locust(
    folder: Path, user: str, host: str, users: int, seconds: int, *arguments: str, settings: Sequence[str] = ()
) -> Iterator[subprocess.Popen[str]]:
    """A running generator; whatever is left of it at the end is killed."""
    argv = [sys.executable, "-m", "locust", "-f", str(HERE / "traffic.py"), user, "--headless", "--only-summary"]
    argv += ["-H", host, "-u", str(users), "-r", str(users), "-t", f"{seconds}s", "--stop-timeout", "10"]
    with subprocess.Popen(
        [*argv, "--exit-code-on-error", "0", *arguments],
        env=os.environ | {"MATCHDAY_RECORD": str(folder), "MATCHDAY_SET": " ".join(settings)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=end_with_parent,
    ) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


@contextmanager
def bare_client(host: str) -> Iterator[Callable[[], list[float]]]:
    """The simplest client there is, beside the generator: what this machine adds to anybody's latencies just now.

    Gives a function that ends it and returns what it measured for `/law/bare`, in milliseconds.
    """
    measured_ms: list[float] = []
    over = threading.Event()

    def ask() -> None:
        connection = http.client.HTTPConnection(host.removeprefix("http://"), timeout=10)
        with closing(connection):
            while not over.wait(0.01):
                since_s = time.perf_counter()
                connection.request("GET", "/law/bare")
                connection.getresponse().read()
                measured_ms.append((time.perf_counter() - since_s) * 1000)

    def end() -> list[float]:
        over.set()
        asking.join()
        return measured_ms

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield end
    finally:
        end()


@contextmanager
def sleeper() -> Iterator[list[float]]:
    """How late a thread that only sleeps woke each time, in milliseconds: what this machine does to everybody."""
    late_ms: list[float] = []
    over = threading.Event()

    def sleep() -> None:
        while not over.is_set():
            due_s = time.perf_counter() + 0.005
            time.sleep(0.005)
            late_ms.append((time.perf_counter() - due_s) * 1000)

    sleeping = threading.Thread(target=sleep)
    sleeping.start()
    try:
        yield late_ms
    finally:
        over.set()
        sleeping.join()


def everything(record: Record, name: str, failed: bool = False) -> HdrHistogram:
    """All samples of a name, the first and the last second included."""
    total = histogram()
    for interval in record.intervals:
        if interval.name == name and interval.failed is failed:
            interval.add_to(total)
    return total


def quantile(values: Sequence[float], percentile: float) -> float:
    """The value at or below which that share of the values lies (nearest rank)."""
    return sorted(values)[max(0, ceil(percentile / 100 * len(values)) - 1)]


def off_by(found: HdrHistogram, true: Sequence[float]) -> dict[float, tuple[float, float]]:
    """By percentile: (true, measured); milliseconds."""
    return {p: (quantile(true, p), percentile_ms(found, p)) for p in PERCENTILES}
