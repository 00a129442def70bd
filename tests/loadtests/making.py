"""Run records made by hand, through the writer that a real run uses."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from loadtests.record import Record, Run
from loadtests.recording.collector import Collector
from loadtests.recording.new_run import new_run
from loadtests.recording.writer import ROW_AFTER_S, RecordWriter
from scenarios.load import load

START = 1_790_000_000
RAMP_S, WARM_UP_S = 2, 3
HELD = [f"load.ramp_s={RAMP_S}", f"load.warm_up_s={WARM_UP_S}", 'load.model="users"']


@dataclass
class Clock:
    """A clock that stands until it is told to go on."""

    now: float = float(START)

    def __call__(self) -> float:
        return self.now


@dataclass
class Second:
    """What happened in one second: latencies by name, failures by name, columns of series.csv."""

    ok: Mapping[str, Sequence[float]] = field(default_factory=dict)
    failed: Mapping[str, Sequence[float]] = field(default_factory=dict)
    columns: Mapping[str, float] = field(default_factory=dict)


def run_info(users: int = 100, stations: Mapping[str, float] | None = None) -> Run:
    scenario = load("phase-1", [f"load.concurrent_users={users}", *HELD])
    made = new_run(scenario, "http://127.0.0.1:1", None, stations or {"app": 1.0, "mongod": 2.0})
    return made.model_copy(update={"started_at": datetime.fromtimestamp(START, UTC)})


def write(
    folder: Path, seconds: int, happened: Callable[[int], Second], users: int = 100, finish: bool = True
) -> Record:
    """A run of `seconds` after the ramp; `happened(second)` counts from the start of the run."""
    writer = RecordWriter(folder, run_info(users))
    clock = Clock()
    collector = Collector(clock)
    for number in range(RAMP_S + seconds):
        if number == RAMP_S:
            writer.steady(START + RAMP_S)
        second = happened(number)
        for failed, samples in ((False, second.ok), (True, second.failed)):
            for name, latencies in samples.items():
                for latency_ms in latencies:
                    collector.record(name, latency_ms, failed)
        writer.observe(START + number, second.columns)
        clock.now += 1
        for window in collector.take():
            writer.add(window)
        writer.flush(clock.now + ROW_AFTER_S)
    if finish:
        writer.finish("finished", "", stopping_from=START + RAMP_S + seconds)
    else:
        writer.close()  # as the kernel does for a killed process
    return Record.read(folder)


HEALTHY = {
    "users": 100.0,
    "users_asked": 100.0,
    "sockets": 100.0,
    "answered": 1.0,
    "generator_cpu_percent": 5.0,
    "machine_cpu_cores": 0.5,
    "generator_cpu_cores": 0.1,
    "steal_cpu_cores": 0.0,
    "foreign_cpu_cores": 0.1,
    "memory_percent": 10.0,
    "database_queries": 80.0,
    "mongo_in_use": 2.0,
    "mongo_pool_size": 50.0,
    "cache_hits": 90.0,
    "cache_misses": 10.0,
    "queue_backlog": 0.0,
    "cpu_cores_app": 0.2,
    "cpu_cores_mongod": 0.1,
}


def healthy(_: int) -> Second:
    """A second of a run that meets every target."""
    ok = {
        "GET /discovery": [20.0] * 4,
        "POST /swipes": [10.0] * 10,
        "FLOW profile load": [30.0] * 3,
        "IMAGE photo": [3.0] * 10,
        "WS match detection": [15.0] * 2,
        "WS message delivery": [8.0] * 5,
        "GENERATOR loop drift": [0.5] * 20,
    }
    return Second(ok=ok, columns=HEALTHY)
