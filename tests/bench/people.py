"""How much memory 5,000 people with open sockets take in one process of the generator.

The real locustfile against a backend that only lets them in: nginx with canned answers, and a chat server.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from loadtests.record import Record
from scenarios.children import end_with_parent
from scenarios.people import Sex
from tests.bench.generator import canned

PEOPLE, RATE_PER_S, HOLD_S = 5000, 100, 10


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as name,
        subprocess.Popen(
            [sys.executable, "-m", "tests.proof.chat_server", "0", "1"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=end_with_parent,
        ) as chat,
    ):
        folder = Path(name)
        assert chat.stdout
        with canned(folder, chat_port=int(chat.stdout.readline())) as host:
            measure(folder, host)
        chat.communicate("tell\n", timeout=60)


def report(record: Record) -> None:
    rows = zip(*(record.series[column] for column in ("users", "sockets", "generator_memory_mb")), strict=True)
    held = [(sockets or 0, memory_mb) for users, sockets, memory_mb in rows if users == PEOPLE and memory_mb]
    sockets, memory_mb = max(held)
    first = next(value for value in record.series["generator_memory_mb"] if value)
    print(f"{sockets:,.0f} open sockets of {PEOPLE:,} people in one process: {memory_mb:,.0f} MB (aim: below 1,500)")
    print(f"  {first:,.0f} MB before the first; {1024 * (memory_mb - first) / PEOPLE:.0f} kB a person")


def measure(folder: Path, host: str) -> None:
    argv = [sys.executable, "-m", "locust", "-f", "loadtests/locustfile.py", "--headless", "--only-summary", "-H", host]
    argv += ["-u", str(PEOPLE), "-r", str(RATE_PER_S), "-t", f"{PEOPLE / RATE_PER_S + HOLD_S:.0f}s"]
    # People who look at each card for minutes: what they hold is asked, not what they do.
    argv += ["--set", f"population.users={2 * PEOPLE}"]
    argv += [part for sex in Sex for part in ("--set", f"traffic.card_dwell.{sex}.mean_s=600.0")]
    argv += ["--set", "traffic.session_s.mean_s=6000.0", "--record", str(folder / "run")]
    argv += ["--exit-code-on-error", "0"]
    done = subprocess.run(argv, env=os.environ, capture_output=True, text=True, preexec_fn=end_with_parent)
    if done.returncode:
        raise SystemExit(done.stderr[-3000:])
    record = Record.read(folder / "run")
    failures = {name: entry.failed for name, entry in (record.run.latency_ms or {}).items() if entry.failed}
    if failures:
        print(f"  failures: {json.dumps(failures)}")
    report(record)


if __name__ == "__main__":
    main()
