"""What `matchday search` prints at its end."""

import io

from rich.console import Console

from capacity.fits import Fits, Step, compared
from reports.search_terminal import print_compared, print_fits

HELD = Step("runs/s/01-1000", 1000, True, 300.0, (), "", (), "machine", 0.8, False, 1.0)
BROKE = Step("runs/s/02-1100", 1100, False, 330.0, ("API response time",), "API response time: 250 ms", (), None, None)
FOUND = Fits(
    "phase-1",
    950,
    1000,
    1050,
    None,
    False,
    "its time was over",
    0.95,
    300.0,
    "API",
    "machine",
    0.8,
    100,
    (HELD, BROKE),
    1.0,
)


def printed(before: Fits) -> str:
    out = Console(file=io.StringIO(), width=80)
    print_fits(out, FOUND)
    print_compared(out, before, compared(FOUND, before))
    assert isinstance(out.file, io.StringIO)
    return out.file.getvalue()


def test_an_answer_names_runs_interval_machine_and_what_is_open() -> None:
    lines = printed(FOUND).splitlines()
    assert lines[2].split() == ["1,000", "holds", "300", "machine", "80%"]
    assert lines[3].split()[:3] == ["1,100", "breaks", "330"]
    assert "phase-1: 1,000 people hold every target (950 to 1,050, 95% sure)" in lines
    assert "  Machine: 1 ms of CPU for the reference work (1 to 1 in its runs)" in lines
    assert "  Not settled: its time was over." in lines
    assert lines[-2:] == ["  Before: 1,000 people (950 to 1,050)", "  Since then: no change is sure"]


def test_an_earlier_answer_on_a_slower_machine_counts_for_more_people() -> None:
    before = Fits("phase-1", 700, 720, 740, None, True, "", 0.95, 220.0, None, None, None, 100, (HELD,), 1.25)
    assert printed(before).splitlines()[-3:] == [
        "  Before: 720 people (700 to 740)",
        "  The machine is 25% faster now: as if 900 people (875 to 925)",
        "  Since then: more fit",
    ]
