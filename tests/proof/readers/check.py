"""Reads a latency.hlog with hdr-histogram-js and compares every tag. `make proof-reader` runs it; it needs Node.js."""

import subprocess
import sys
import tempfile
from pathlib import Path

from loadtests.record.histograms import histogram, percentile_ms, tag_of
from loadtests.record.latency_log import read_log
from tests.loadtests.making import healthy, write

PACKAGE = "hdr-histogram-js@3.0.1"
SCRIPT = Path(__file__).with_name("hdr-histogram-js.mjs")


def ours(log: Path) -> list[str]:
    totals = {tag_of(i.name, i.failed): histogram() for i in read_log(log)}
    for interval in read_log(log):
        interval.add_to(totals[tag_of(interval.name, interval.failed)])
    figures = {
        tag: [values.get_total_count(), *(round(percentile_ms(values, p) * 1000) for p in (50, 95, 99))]
        for tag, values in totals.items()
    }
    return [" ".join(map(str, (tag, *found))) for tag, found in sorted(figures.items())]


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        log = Path(sys.argv[1]) if sys.argv[1:] else write(folder / "run", 30, healthy).folder / "latency.hlog"
        (folder / SCRIPT.name).write_text(SCRIPT.read_text())
        subprocess.run(["npm", "install", "--silent", "--no-audit", PACKAGE], cwd=folder, check=True)
        argv = ["node", SCRIPT.name, str(log.absolute())]
        theirs = subprocess.run(argv, cwd=folder, check=True, capture_output=True, text=True).stdout.splitlines()
        expected = ours(log)
    for line in theirs:
        print(f"  {line}")
    different = set(theirs) ^ set(expected)
    if different:
        raise SystemExit(f"These differ: {sorted(different)}")
    print(f"{PACKAGE} reads the same {len(theirs)} tags, counts and percentiles as we do.")


if __name__ == "__main__":
    main()
