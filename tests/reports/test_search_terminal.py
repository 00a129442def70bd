"""What `matchday search` prints at its end."""

import io
from dataclasses import replace

from rich.console import Console

from capacity.fits import Fits, Step
from reports.search_terminal import print_fits

HELD = Step("runs/s/01-1000", 1000, True, 300.0, (), "", (), "machine", 0.8, False, 1.0)
BROKE = Step("runs/s/02-1100", 1100, False, 330.0, ("API response time",), "API response time: 250 ms", (), None, None)
FOUND = Fits(
    scenario="phase-1",
    low=950,
    middle=1000,
    high=1050,
    invalid_from=None,
    settled=False,
    unsettled_why="its time was over",
    confidence=0.95,
    requests_per_s=300.0,
    broke_first="API response time",
    busiest="machine",
    busiest_share=0.8,
    need=100,
    steps=(HELD, BROKE),
)


def test_an_answer_names_runs_interval_machine_and_what_is_open() -> None:
    out = Console(file=(text := io.StringIO()), width=80)
    print_fits(out, FOUND)
    lines = text.getvalue().splitlines()
    assert lines[2].split() == ["1,000", "holds", "300", "machine", "80%"]
    assert lines[3].split()[:3] == ["1,100", "breaks", "330"]
    assert "phase-1: 1,000 people hold every target (950 to 1,050, 95% sure)" in lines
    assert "  Reference work: 1 ms of CPU (1 to 1 in its runs)" in lines
    assert lines[-1] == "  Not settled: its time was over."


def test_runs_that_could_not_tell_are_no_answer() -> None:
    out = Console(file=(text := io.StringIO()), width=80)
    unclear = replace(HELD, held=None, few=True)
    print_fits(out, replace(FOUND, low=0, middle=0, high=None, steps=(unclear,)))
    assert "phase-1: no run could tell whether its people fit" in text.getvalue().splitlines()
