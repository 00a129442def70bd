"""What a step brought: the same load on several versions of this repository, in turns. `make bench-headroom` prints it.

    make bench-headroom REVISIONS="438f2c2 HEAD" PEOPLE=1000

Each version runs from a work tree of its own, with its own scenario, against its own stack. Machines are shared and
their speed changes by the minute: only figures of neighbouring runs can be compared, so each round tries every version
and is compared within itself. The median of the rounds is shown.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from scenarios.children import end_with_parent

ROOT = Path(__file__).parents[2]
HOLD_S, PEOPLE_A_SECOND = 40, 25


@dataclass(frozen=True)
class Figures:
    """Of one run: CPU milliseconds of the whole machine a second and person, a swipe's p95, and what was wrong."""

    cpu_ms: float
    swipe_p95_ms: float
    problems: str


@contextmanager
def tree(revision: str, folder: Path) -> Iterator[Path]:
    place = folder / revision.replace("/", "-")
    subprocess.run(["git", "worktree", "add", "--detach", "--quiet", place, revision], cwd=ROOT, check=True)
    try:
        yield place
    finally:
        subprocess.run(["git", "worktree", "remove", "--force", place], cwd=ROOT, check=True)


def measure(place: Path, runs: Path, people: int) -> Figures:
    argv = [sys.executable, "-c", "from cli import main; main()", "run", "phase-1", "--users", str(people)]
    argv += ["--duration", f"{HOLD_S}s", "--runs", str(runs), "--set", f"load.ramp_s={people / PEOPLE_A_SECOND:g}"]
    argv += ["--set", f"population.users={people * 3 // 2}"]
    before = set(runs.iterdir())
    done = subprocess.run(
        argv, cwd=place, env=os.environ | {"PYTHONPATH": str(place)}, capture_output=True, preexec_fn=end_with_parent
    )
    made = [found for found in set(runs.iterdir()) - before if (found / "run.json").is_file()]
    if not made:
        raise SystemExit(done.stderr.decode()[-2000:])
    return figures(made[0])


def figures(record: Path) -> Figures:
    """From the files themselves: versions differ in what else a record holds."""
    run = json.loads((record / "run.json").read_text())
    with (record / "series.csv").open(newline="") as file:
        start, end = run["steady_from"], run["stopping_from"]
        rows = [row for row in csv.DictReader(file) if start <= float(row["second"]) < end]
        rows = [row for row in rows if float(row["users"] or 0)]  # a second that nobody counted
    cpu_ms = median(1000 * float(row["machine_cpu_cores"]) / float(row["users"]) for row in rows)
    problems = "; ".join(trust["problem"] for trust in run["validity"] if trust["problem"])
    return Figures(cpu_ms, run["latency_ms"]["POST /swipes"]["p95"], problems)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("revisions", nargs="+")
    options.add_argument("--people", type=int, default=1000)
    options.add_argument("--rounds", type=int, default=2)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as name, ExitStack() as closing:
        folder = Path(name)
        (runs := folder / "runs").mkdir()
        trees = {revision: closing.enter_context(tree(revision, folder)) for revision in given.revisions}
        found: dict[str, list[Figures]] = {revision: [] for revision in trees}
        for _ in range(given.rounds):
            for revision, place in trees.items():
                found[revision].append(measure(place, runs, given.people))
                print(f"  {revision}: {found[revision][-1]}", flush=True)
    first = found[given.revisions[0]]
    print(f"{given.people:,} people   CPU ms a second and person   of the first   p95 of a swipe")
    for revision, rounds in found.items():
        share = median(one.cpu_ms / other.cpu_ms for one, other in zip(rounds, first, strict=True))
        cpu_ms, p95_ms = (
            median(values) for values in zip(*((one.cpu_ms, one.swipe_p95_ms) for one in rounds), strict=True)
        )
        print(f"{revision:<14}{cpu_ms:>28.2f}{share:>14.0%}{p95_ms:>14,.0f} ms")


if __name__ == "__main__":
    main()
