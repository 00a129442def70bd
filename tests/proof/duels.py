"""How often duels of the real backend are right: against itself, and against itself with an endpoint slowed down.

`make proof-duels` adds one duel of each kind to those of the folder and prints the rates of all of them: each takes up
to ten minutes, so a full table is the work of a night. The runs are kept and judged again by the rules of today.
"""

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from math import log1p
from pathlib import Path
from typing import TypedDict

import numpy as np
from scipy.stats import t

from capacity.gate.change import SHOWN
from capacity.gate.cpu import ComparedCpu
from capacity.gate.plan import Plan
from capacity.gate.relative import Compared
from capacity.gate.result import GateResult
from capacity.gate.verdicts import Referee
from loadtests.record import Record
from reports.gate_rows import compared_title
from scenarios.outcome import Verdict

ENDPOINT = "GET /profiles/{person_id}"
KINDS = {
    "against itself": [],
    f"{ENDPOINT} +10 % CPU": ["--candidate-set", f"backend.slowdown.{ENDPOINT}=0.1"],
    f"{ENDPOINT} x2 CPU": ["--candidate-set", f"backend.slowdown.{ENDPOINT}=1.0"],
}
LOG = "duels.jsonl"


class Fought(TypedDict):
    """A line of the log."""

    kind: str
    folder: str
    code: int
    seconds: int


def duel(kind: str, folder: Path) -> Fought:
    """One duel through the real command."""
    known, began_s = set(folder.iterdir()), time.monotonic()
    command = [sys.executable, "-m", "cli", "duel", *KINDS[kind], "--runs", str(folder)]
    done = subprocess.run(
        [*command, "--noise", str(folder / "noise.json")], capture_output=True, text=True, check=False
    )
    made = [path.name for path in folder.iterdir() if path.is_dir() and path not in known]
    if done.returncode not in (0, 1, 3, 4) or len(made) != 1:
        sys.exit(f"The duel gave no verdict: {done.stderr}")
    return {"kind": kind, "folder": made[0], "code": done.returncode, "seconds": round(time.monotonic() - began_s)}


def judged(folder: Path) -> GateResult:
    """A duel's pairs of runs, as its referee sees them."""
    referee = Referee(Plan(), folder / "noise.json")
    for baseline in sorted(folder.glob("*-baseline")):
        like = Record.read(folder / baseline.name.replace("baseline", "candidate"))
        referee.add(Record.read(baseline), like)
        if referee.over:
            break
    return referee.result(like)


def rates(fought: Mapping[str, Sequence[Fought]], results: Mapping[str, Sequence[GateResult]]) -> None:
    """A line a kind: how many duels ended how, and how many ruled out 10 % more CPU a request, or warned of more."""
    print("| duel | duels | pass | inconclusive | fail | invalid | CPU: ruled out | CPU: warned | pairs | minutes |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    for kind, found in results.items():
        verdicts = Counter(result.verdict for result in found)
        cpu = [result.comparison.cpu for result in found if result.comparison]
        counts = [
            len(found),
            *(verdicts[v] for v in (Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL, Verdict.INVALID)),
        ]
        counts += [
            sum(bool(rows) and all(row.verdict is Verdict.PASS and not row.more for row in rows) for rows in cpu)
        ]
        counts += [sum(any(row.more for row in rows) for rows in cpu)]
        pairs = np.mean([result.comparison.runs[0] if result.comparison else 0 for result in found])
        minutes = np.mean([entry["seconds"] for entry in fought[kind]]) / 60
        print(f"| {kind} | {' | '.join(map(str, counts))} | {pairs:.1f} | {minutes:.1f} |")


def scatter(same: Sequence[GateResult]) -> None:
    """What one backend against itself shows of each target and of CPU.

    The spread within a pair; the mean change of all duels, with its error; and how much more the duels' changes
    scatter than their own errors say: 1 if all chance is between pairs, more if two stacks differ while they live.
    """
    found: dict[str, list[tuple[float, float, int]]] = {}
    for comparison in filter(None, (result.comparison for result in same)):
        pairs = comparison.runs[0]
        reach = t.ppf((1 + SHOWN) / 2, pairs - 1)
        targets = {row.title for row in comparison.quantities if row.decides}
        rows: list[tuple[str, Compared | ComparedCpu]] = [(row.title, row) for row in comparison.cpu]
        rows += [(compared_title(row), row) for row in comparison.quantities if row.title in targets]
        for title, row in rows:
            if row.change is not None and row.low is not None and row.high is not None:
                error = (log1p(row.high) - log1p(row.low)) / 2 / reach
                found.setdefault(title, []).append((log1p(row.change), error, pairs))
    if len(same) < 2:
        return
    print("\n| one backend against itself | duels | within a pair | mean change | scatter |")
    print("|---|---:|---:|---:|---:|")
    for title, values in found.items():
        changes, errors, pairs_ = np.array(values).T
        spread, error = changes.std(ddof=1), np.sqrt((errors**2).mean())
        mean = f"{100 * changes.mean():+.1f} ± {100 * spread / np.sqrt(len(values)):.1f} %"
        within = f"± {100 * np.sqrt((errors**2 * pairs_).mean()):.1f} %"
        print(f"| {title} | {len(values)} | {within} | {mean} | {spread / error:.1f} |")


def main() -> None:
    """`duels.py FOLDER [KIND ...]`: a duel of each kind (by its place in KINDS, all of them unless named)."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for kind in [list(KINDS)[int(place)] for place in sys.argv[2:]] or list(KINDS):
        fought = duel(kind, folder)
        with (folder / LOG).open("a") as log:
            log.write(json.dumps(fought) + "\n")
    log_: list[Fought] = [json.loads(line) for line in (folder / LOG).read_text().splitlines()]
    by_kind = {kind: [entry for entry in log_ if entry["kind"] == kind] for kind in KINDS}
    results = {kind: [judged(folder / entry["folder"]) for entry in those] for kind, those in by_kind.items() if those}
    rates(by_kind, results)
    scatter(results.get("against itself", []))


if __name__ == "__main__":
    main()
