"""How often duels of the real backend are right: against itself, and against itself with an endpoint slowed down.

`make proof-duels` adds one duel of each kind to what `duels.jsonl` has so far, and prints the rates of all of them:
each takes up to ten minutes, so a full table is the work of a night.
"""

import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

ENDPOINT = "GET /profiles/{person_id}"
KINDS = {
    "against itself": [],
    f"{ENDPOINT} +10 % CPU": ["--candidate-set", f"backend.slowdown.{ENDPOINT}=0.1"],
    f"{ENDPOINT} x2 CPU": ["--candidate-set", f"backend.slowdown.{ENDPOINT}=1.0"],
}


def duel(kind: str, runs: Path) -> dict[str, object]:
    """One duel through the real command: its verdict, what failed, how long it took."""
    out, began_s = runs / "gate.json", time.monotonic()
    out.unlink(missing_ok=True)
    command = [sys.executable, "-m", "cli", "duel", *KINDS[kind], "--runs", str(runs), "--json", str(out)]
    done = subprocess.run([*command, "--noise", str(runs / "noise.json")], capture_output=True, text=True, check=False)
    if not out.exists():
        sys.exit(f"The duel gave no verdict: {done.stderr}")
    found = json.loads(out.read_text())
    comparison = found["comparison"] or {"runs": [0], "quantities": []}
    return {
        "kind": kind,
        "code": done.returncode,
        "verdict": found["verdict"],
        "pairs": comparison["runs"][0],
        "seconds": round(time.monotonic() - began_s),
        "reasons": found["reasons"],
        "changes": {
            f"{row['title']} p{row['percentile']:g}": [
                round(row[key], 4) for key in ("change", "smallest_seen") if row[key] is not None
            ]
            for row in comparison["quantities"]
            if row["percentile"] and row["change"] is not None
        },
    }


def rates(log: Path) -> None:
    """A line a kind: how many duels ended how."""
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    print("| duel | duels | pass | inconclusive | fail | invalid | pairs | minutes |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for kind in KINDS:
        of_kind = [row for row in rows if row["kind"] == kind]
        if of_kind:
            verdicts = Counter(row["verdict"] for row in of_kind)
            counts = " | ".join(str(verdicts[v]) for v in ("pass", "inconclusive", "fail", "invalid"))
            mean = [sum(row[key] for row in of_kind) / len(of_kind) for key in ("pairs", "seconds")]
            print(f"| {kind} | {len(of_kind)} | {counts} | {mean[0]:.1f} | {mean[1] / 60:.1f} |")


def main() -> None:
    """`duels.py FOLDER [KIND ...]`: a duel of each kind (by its place in KINDS, all of them unless named)."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    kinds = [list(KINDS)[int(place)] for place in sys.argv[2:]] or list(KINDS)
    for kind in kinds:
        found = duel(kind, folder)
        with (folder / "duels.jsonl").open("a") as log:
            log.write(json.dumps(found) + "\n")
    rates(folder / "duels.jsonl")


if __name__ == "__main__":
    main()
