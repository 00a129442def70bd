"""The utilisation law on known numbers."""

from dataclasses import replace
from pathlib import Path

import pytest

from capacity.demands import demands
from tests.loadtests.making import HEALTHY, Second, healthy, write


def test_demand_is_utilisation_over_throughput(tmp_path: Path) -> None:
    found = demands(write(tmp_path / "run", 30, healthy))
    assert found
    # 31 requests a second (flows and the generator's own samples are none); the app used 0.2 of a core.
    assert found.requests_per_s == 31
    by_name = {d.station: d for d in found.stations}
    assert by_name["app"].cpu_ms_per_request == pytest.approx(1000 * 0.2 / 31)
    assert by_name["mongod"].utilisation == pytest.approx(0.05)


def test_the_busiest_station_bounds_the_people(tmp_path: Path) -> None:
    def busy(number: int) -> Second:
        return replace(healthy(number), columns={**HEALTHY, "cpu_cores_app": 0.5, "machine_cpu_cores": 0.6})

    found = demands(write(tmp_path / "run", 30, busy))
    assert found
    assert (found.bottleneck.station, found.people_bound) == ("app", 200)


def test_a_run_without_stations_has_no_demands(tmp_path: Path) -> None:
    assert demands(write(tmp_path / "run", 30, lambda _: Second({"GET /me": [1.0]}))) is None
