"""A run whose generator or machine was the bottleneck says so."""

from dataclasses import replace
from pathlib import Path

import pytest

from loadtests.record import Record
from tests.loadtests.making import HEALTHY, Second, healthy, write


def run_with(folder: Path, columns: dict[str, float], drift_ms: float = 0.5) -> Record:
    def happened(number: int) -> Second:
        second = healthy(number)
        drift = {"GENERATOR loop drift": [0.5] * 19 + [drift_ms]}
        return replace(second, ok={**second.ok, **drift}, columns={**HEALTHY, **columns})

    return write(folder, 30, happened)


def test_nothing_speaks_against_a_calm_run(tmp_path: Path) -> None:
    assert run_with(tmp_path / "run", {}).run.problems == ()


@pytest.mark.parametrize(
    ("columns", "drift_ms", "sentence"),
    [
        ({}, 12.0, "loop was 12.0 ms late at p99 (limit 10 ms)"),
        ({"generator_cpu_percent": 90.0}, 0.5, "used 90 % of a core (limit 80 %)"),
        ({"machine_cpu_cores": 1.2}, 0.5, "Other programs and steal took 0.80 cores (limit 0.5)"),
        ({"dropped": 2.0}, 0.5, "dropped 54 arrivals"),
        ({"users": 90.0}, 0.5, "Only 90% of the 100 people asked for were started"),
    ],
)
def test_each_limit_makes_the_run_invalid(
    tmp_path: Path, columns: dict[str, float], drift_ms: float, sentence: str
) -> None:
    found = run_with(tmp_path / "run", columns, drift_ms).run.problems
    assert found
    assert len(found) == 1
    assert sentence in found[0].what
    assert found[0].advice
