"""How large the record of 30 minutes at 1,000 people is, and how long its report takes."""

import random
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from loadtests.recording.collector import Collector
from loadtests.recording.new_run import new_run
from loadtests.recording.writer import ROW_AFTER_S, RecordWriter
from scenarios.load import load

MINUTES, PEOPLE = 30, 1000
START = 1_790_000_000
# Samples a second at 1,000 people: ten times what a run of phase 1 at 100 people has.
PER_SECOND = {
    "GET /discovery": 13,
    "GET /matches": 3,
    "GET /matches/{id}/messages": 3,
    "GET /me": 4,
    "GET /profiles/{id}": 9,
    "PATCH /me": 1,
    "PUT /me/location": 3,
    "POST /auth/otp": 3,
    "POST /auth/session": 3,
    "DELETE /auth/session": 3,
    "POST /swipes": 90,
    "POST /photos": 1,
    "POST /photos/{id}/complete": 1,
    "DELETE /matches/{id}": 1,
    "STORE photo upload": 1,
    "IMAGE photo": 130,
    "FLOW profile load": 9,
    "POST /auth/ticket": 3,
    "WS connect": 3,
    "WS match detection": 8,
    "WS message delivery": 40,
    "GENERATOR loop drift": 20,
}
_COLUMNS = ("users", "users_asked", "answered", "memory_percent", "database_queries", "queue_backlog")
OBSERVED = dict.fromkeys(_COLUMNS, 1.5)


def write(folder: Path) -> None:
    rng, now = random.Random(1), float(START)
    stations = dict.fromkeys(("app", "mongod", "valkey", "proxy", "worker", "aws"), 2.0)
    run = new_run(load("phase-3"), "http://127.0.0.1:1", None, stations)
    writer = RecordWriter(folder, run.model_copy(update={"started_at": datetime.fromtimestamp(START, UTC)}))
    writer.steady(START)
    collector = Collector(lambda: now)
    for second in range(START, START + 60 * MINUTES):
        for name, count in PER_SECOND.items():
            for _ in range(count):
                collector.record(name, rng.lognormvariate(3, 0.7), failed=rng.random() < 0.002)
        writer.observe(second, OBSERVED | {f"cpu_cores_{station}": rng.random() for station in stations})
        now += 1
        for window in collector.take():
            writer.add(window)
        writer.flush(now + ROW_AFTER_S)
    writer.finish("finished", "", START + 60 * MINUTES)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "run"
        write(folder)
        start_s = time.perf_counter()
        subprocess.run([Path(sys.executable).parent / "matchday", "report", folder], check=True, capture_output=True)
        took_s = time.perf_counter() - start_s
        start_s = time.perf_counter()
        subprocess.run([Path(sys.executable).parent / "matchday", "cost"], check=True, capture_output=True)
        floor_s = time.perf_counter() - start_s
        print(f"record of {MINUTES} minutes at {PEOPLE:,} people:")
        for path in sorted(folder.iterdir()):
            print(f"  {path.name:14} {path.stat().st_size / 1e6:6.2f} MB")
        total = sum(path.stat().st_size for path in folder.iterdir())
        print(f"  {'together':14} {total / 1e6:6.2f} MB (aim: below 50)")
        print(f"`matchday report`: {took_s:.1f} s (aim: below 5), {took_s / floor_s:.1f} times `matchday cost`")


if __name__ == "__main__":
    main()
