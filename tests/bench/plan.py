"""The whole catalogue over twelve weeks of growth in a thousand ways, beside Netflix's service-capacity-modeling.

Ours sizes every server type for app, database and cache in each week and way, and searches the cheapest that hold every
target with one server lost. Theirs plans one stateless service with 512 simulations, its default way to be sure. Rounds
take turns; medians. Then how far the closed-form latencies that this stands on are from the simulator's.
"""

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import IO

import numpy as np

from capacity.costs.basis import Basis
from capacity.planning.options import Crowds, Sizing
from capacity.planning.search import Search
from capacity.planning.work import worked
from capacity.prediction.growth import drawn_people
from cli.costs import basis_of
from scenarios.load import PHASES, load
from tests.capacity.planning.test_latency import both_p95_ms

ROUNDS, WEEKS, DRAWS, SIMULATIONS = 3, 12, 1000, 512
THEIR_PYTHON = Path(".venv-netflix/bin/python")
POINTS = (
    ("phase-1", 100),
    ("phase-1", 600),
    ("phase-1", 1000),
    ("phase-2", 500),
    ("phase-2", 1500),
    ("phase-3", 1000),
    ("phase-3", 2500),
)


@dataclass(frozen=True)
class Planned:
    seconds: float
    types: int
    judged: int
    last: str


def ours(basis: Basis) -> Planned:
    """Twelve searches: in each way growth is another from the first week to the last."""
    scenario = load("phase-3")
    started = time.perf_counter()
    work = worked(basis.calibration, basis.rates, DRAWS, 1, basis.market.offers.assumptions["activity"])
    registered = np.array([basis.growth.registered.at(week) for week in range(1, WEEKS + 1)])
    factors = (basis.growth.low.value, 1.0, basis.growth.high.value)
    users = drawn_people(registered, factors, DRAWS, np.random.default_rng([1, 3]))
    judged, last = 0, ""
    for week in range(WEEKS):
        mean = users[:, week] * basis.usage.online_share
        crowds = Crowds(users[:, week], mean * basis.peak_factor, mean, mean * basis.busiest_day_factor)
        found = Search(Sizing(basis.market, work, crowds), scenario).found()
        judged, last = judged + found.combinations, found.cheapest.title
    return Planned(time.perf_counter() - started, found.types, judged, last)


class Theirs:
    """A process of its own that plans when asked, so that rounds can take turns."""

    def __init__(self) -> None:
        script = Path(__file__).with_name("netflix.py")
        self._process = subprocess.Popen(
            [THEIR_PYTHON, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def seconds(self) -> float:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        return _asked(self._process.stdin, self._process.stdout)

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=60)


def _asked(into: IO[str], out: IO[str]) -> float:
    into.write(f"{SIMULATIONS}\n")
    into.flush()
    return float(out.readline().split()[0])


def main() -> int:
    basis = basis_of(load("phase-3"), "plan", None, None)
    theirs = Theirs()
    mine, netflix = list[Planned](), list[float]()
    try:
        ours(basis)  # imports and caches, of which a first run has more
        for _ in range(ROUNDS):
            mine.append(ours(basis))
            netflix.append(theirs.seconds())
    finally:
        theirs.close()
    us, them = median(one.seconds for one in mine), median(netflix)
    found = mine[-1]
    print(f"matchday: {found.types} server types x {WEEKS} weeks x {DRAWS:,} draws: {us:.2f} s (aim: below 1)")
    print(f"  {found.judged} combinations judged together; week {WEEKS}: {found.last}")
    print(f"service-capacity-modeling: one service, {SIMULATIONS} simulations: {them:.2f} s")
    print(f"ratio: {them / us:.1f} (aim: 10)")
    errors = []
    for name, people in POINTS:
        simulated, closed = both_p95_ms(load(name), people)
        errors += [closed[title] / simulated[title] - 1 for title in closed]
    print(
        f"closed-form p95 beside the simulator's, {len(errors)} of {', '.join(PHASES)}: median error "
        f"{median(map(abs, errors)):.0%}, worst {max(map(abs, errors)):.0%}, on average {np.mean(errors):+.0%}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
