"""Gate results made from hand-made records and outcomes, for those who write them down."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from capacity.gate.plan import Plan
from capacity.gate.relative import compare
from capacity.gate.result import GateResult, result
from capacity.gate.verdicts import gate_runs
from loadtests.record import Record
from tests.capacity.gate.sides import FAILURES, RULES, noisy, quantity
from tests.loadtests.making import Second, healthy, write

# Names come from whoever wrote the record.
NASTY = 'GET /<script>alert("|`x`")</script>\x0b| a\nb[/b][id] @you #1 https://a.example www.a.example GH-1'


def absolute(folder: Path, slow: bool = False) -> GateResult:
    """Of one run: passing, or with the API's p95 surely missed."""

    def second(number: int) -> Second:
        base = healthy(number)
        ok = {name: [*values] * 3 for name, values in base.ok.items()}
        return replace(base, ok={**ok, "POST /swipes": [300.0 if slow else 10.0] * 30})

    return gate_runs([write(folder / ("slow" if slow else "run"), 40, second)], folder / "noise.json")


def relative(record: Record, slower: float = 0.0, endpoints: int = 1, more_cpu: float = 0.0) -> GateResult:
    """Of a duel of 16 pairs, on backends with two stations."""
    keys = ["api", NASTY, *(f"GET /{number}" for number in range(endpoints - 1))]
    rng = np.random.default_rng(1)
    wanted = [quantity(key, decides=key == "api") for key in keys]
    before, after = noisy(rng, 16, keys, 0.02), noisy(rng, 16, keys, 0.02, slower={"api": slower})
    before, after = (
        [replace(run, cpu_ms={NASTY: 1.0, "app": 1.3 * (1 + more)}) for run in side]
        for side, more in ((before, 0.0), (after, more_cpu))
    )
    found = compare(before, after, wanted, RULES, FAILURES, Plan())
    return result("duel", found.verdict, found.reasons, record, (), found, left_out=["runs/x: | <b>busy</b>"])
