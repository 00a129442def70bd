"""How often duels of the real backend are right: against itself, and against itself with an endpoint slowed down.

`make proof-duels` adds one duel of each kind to those of the folder and prints the rates of all of them: each takes up
to ten minutes, so a full table is the work of a night. The runs are kept and judged again by the rules of today.
"""

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
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
from capacity.gate.verdicts import Referee, valid
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


def judged(folders: Sequence[Path]) -> GateResult:
    """The pairs of a duel as its referee sees them, or those of several as if they were one, looked at once."""
    names = [baseline for folder in folders for baseline in sorted(folder.glob("*-baseline"))]
    runs = [(Record.read(b), Record.read(b.with_name(b.name.replace("baseline", "candidate")))) for b in names]
    counted = [pair for pair in runs if len(valid(pair, [])) == len(pair)]
    plan = Plan() if len(folders) == 1 else Plan(most=len(counted), first=len(counted))
    referee = Referee(plan, folders[0] / "noise.json")
    for pair in counted:
        referee.add(*pair)
        if referee.over:
            break
    return referee.result(runs[0][0])


def rates(folder: Path) -> list[GateResult]:
    """A line a kind: how many duels ended how, and how many ruled out 10 % more CPU a request, or warned of more.

    Returns the duels of one backend against itself.
    """
    log: list[Fought] = [json.loads(line) for line in (folder / LOG).read_text().splitlines()]
    print("| duel | duels | pass | inconclusive | fail | invalid | CPU: ruled out | CPU: warned | pairs | minutes |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    same: list[GateResult] = []
    for kind in KINDS:
        fought = [entry for entry in log if entry["kind"] == kind]
        for together, title in ((1, kind), (3, f"{kind}, three judged as one")):
            groups = [fought[at : at + together] for at in range(0, len(fought) - together + 1, together)]
            found = [judged([folder / entry["folder"] for entry in group]) for group in groups]
            if found:
                _print_rates(title, found, [sum(entry["seconds"] for entry in group) for group in groups])
            if title == "against itself":
                same = found
    return same


def _print_rates(title: str, found: Sequence[GateResult], seconds: Sequence[float]) -> None:
    verdicts = Counter(result.verdict for result in found)
    comparisons = [result.comparison for result in found if result.comparison]
    counts = [len(found)]
    counts += [verdicts[v] for v in (Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL, Verdict.INVALID)]
    warned = [any(row.more for row in c.cpu) for c in comparisons]
    ruled_out = [{row.verdict for row in c.cpu} == {Verdict.PASS} for c in comparisons]
    counts += [sum(out and not more for out, more in zip(ruled_out, warned, strict=True)), sum(warned)]
    pairs = sum(c.runs[0] for c in comparisons) / len(found)
    print(f"| {title} | {' | '.join(map(str, counts))} | {pairs:.1f} | {np.mean(seconds) / 60:.1f} |", flush=True)


def scatter(same: Sequence[GateResult]) -> None:
    """What one backend against itself shows of each target and of CPU.

    The spread within a pair; the mean change of all duels, with its error; and how much more the duels' changes
    scatter than their own errors say: 1 if all chance is between pairs, more if two stacks differ while they live.
    """
    if len(same) < 2:
        return
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
    scatter(rates(folder))


if __name__ == "__main__":
    main()
