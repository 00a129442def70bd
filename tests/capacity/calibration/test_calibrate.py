"""Demands from runs whose demands are known; and what is refused, with a sentence that says what to measure."""

import json
from collections.abc import Callable
from dataclasses import replace
from math import nan
from pathlib import Path
from typing import Any

import pytest

from capacity.calibration.calibrate import calibrated, demands_of
from capacity.calibration.file import Calibration, CalibrationError, read, write
from capacity.calibration.fitting import reached
from capacity.calibration.observations import observed
from capacity.calibration.speed import SPEED_ELASTICITY
from loadtests.record import Record
from scenarios.load import MEASURED
from tests.capacity.calibration import making
from tests.capacity.calibration.making import IDLE, MIXES, QUERIES, TRUTH, made, runs


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    return runs(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def calibration(records: list[Record]) -> Calibration:
    return calibrated(records)


def test_demands_are_found(calibration: Calibration) -> None:
    for action, by_station in TRUTH.items():
        for station, cpu_ms in by_station.items():
            assert calibration.actions[action].cpu_ms[station].value == pytest.approx(cpu_ms, rel=0.1, abs=0.05)
    for station, cores in IDLE.items():
        assert calibration.stations[station].idle_cores.value == pytest.approx(cores, abs=0.01)


def test_intervals_hold_the_truth(calibration: Calibration) -> None:
    inside = [
        found.low - 1e-3 <= TRUTH[action][station] <= found.high + 1e-3
        for action, one in calibration.actions.items()
        for station, found in one.cpu_ms.items()
    ]
    assert sum(inside) / len(inside) >= 0.75  # of twelve intervals of 90 %


def test_database_queries_are_counted_by_action(calibration: Calibration) -> None:
    for action, queries in QUERIES.items():
        assert calibration.actions[action].counts["database_queries"].value == pytest.approx(queries, abs=0.05)


def test_who_reaches_no_app_costs_nothing_there_nor_behind_it(calibration: Calibration) -> None:
    """By the app's own count of its requests; in no draw either."""
    assert calibration.actions["IMAGE photo"].cpu_ms["generator"].value > 0
    for station in ("app", "mongod"):
        assert calibration.actions["IMAGE photo"].cpu_ms[station].value == 0
        assert set(calibration.draws_cpu_ms["IMAGE photo"][station]) == {0}


@pytest.mark.parametrize(("station", "may"), [("mongod", False), ("worker", False), ("aws", True)])
def test_who_reaches_no_app_gives_work_to_the_object_store_alone(
    records: list[Record], station: str, may: bool
) -> None:
    """Through the proxy; jobs come from apps."""
    seen = replace(observed(records), stations=("app", station, "generator"))
    found = reached(seen)[seen.actions.index("IMAGE photo")]
    assert found[: len(seen.stations)].tolist() == [False, may, True]


def test_demands_are_those_of_one_speed_of_the_machine(tmp_path: Path) -> None:
    """Each mix on a machine that is faster, and on one that is slower, than the median one."""
    speeds = {"fast": 0.7, "slow": 1.0 / 0.7}
    both = [
        made(tmp_path / f"{name}-{number}", mix, number, 0.01, slow)
        for name, slow in speeds.items()
        for number, mix in enumerate(MIXES)
    ]
    found = calibrated(both)
    assert found.speed_elasticity == SPEED_ELASTICITY
    assert found.reference_work_cpu_ms
    at_speed = TRUTH["POST /swipes"]["app"] * found.reference_work_cpu_ms**SPEED_ELASTICITY
    assert found.actions["POST /swipes"].cpu_ms["app"].value == pytest.approx(at_speed, rel=0.05)


def test_a_request_costs_the_same_on_a_fuller_machine_as_far_as_these_runs_tell(calibration: Calibration) -> None:
    assert all(set(station.curve.factor) == {1.0} for station in calibration.stations.values())


def test_waiting_is_what_is_left_of_the_latency(calibration: Calibration) -> None:
    """12 ms, of which 6.8 are CPU."""
    wait = calibration.actions["POST /swipes"].wait_ms
    assert sum(wait) / len(wait) == pytest.approx(5.2, rel=0.2)
    assert list(wait) == sorted(wait)


def test_order_of_runs_does_not_matter(records: list[Record], calibration: Calibration) -> None:
    again = calibrated(records[::-1])
    assert again.model_copy(update={"created_at": calibration.created_at}) == calibration


def test_file_holds_all_of_it(calibration: Calibration, tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    write(calibration, path)
    assert read(path) == calibration


def test_all_stations_together_are_known_better_than_each(calibration: Calibration) -> None:
    """Where a draw gives one station more, it gives another less: ends of intervals do not add up."""
    action = calibration.actions["GET /discovery"]
    total = calibration.total_cpu_ms("GET /discovery")
    assert total.value == pytest.approx(sum(one.value for one in action.cpu_ms.values()))
    assert sum(one.low for one in action.cpu_ms.values()) < total.low < total.value < total.high
    assert total.high < sum(one.high for one in action.cpu_ms.values())


def test_a_file_may_name_things_in_another_order(calibration: Calibration, tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    path.write_text(json.dumps(json.loads(calibration.model_dump_json()), sort_keys=True))
    for draw in (None, 0, 7):
        assert demands_of(read(path), draw).cpu_s == demands_of(calibration, draw).cpu_s


def test_without_reference_work_nothing_is_said_of_speed(tmp_path: Path) -> None:
    """Records of before it was measured, and a window in which it failed."""
    never = calibrated([made(tmp_path / f"n-{n}", mix, n, reference_work_cpu_ms=nan) for n, mix in enumerate(MIXES)])
    assert never.reference_work_cpu_ms is None
    assert {stretch.slowness for stretch in never.stretches} == {1.0}
    one, *others = runs(tmp_path)
    assert one.series["reference_work_cpu_ms"][10]
    one.series["reference_work_cpu_ms"][10] = None
    assert calibrated([one, *others]).reference_work_cpu_ms == 1.0


def test_a_station_that_does_nothing_costs_nothing(tmp_path: Path) -> None:
    idle = [made(tmp_path / f"idle-{n}", mix, n, cpu_cores_mongod=0.0) for n, mix in enumerate(MIXES)]
    found = calibrated(idle)
    assert {action.cpu_ms["mongod"].value for action in found.actions.values()} == {0}
    assert found.stations["mongod"].curve.factor == (1.0, 1.0)


def test_windows_in_which_a_server_was_silent_are_left_out_and_counted(tmp_path: Path) -> None:
    """Else its requests would not be known anywhere, or its queries would be none."""
    one, *others = runs(tmp_path)
    for column in ("requests_app", "database_queries"):
        one.series[column][10] = None
    found = calibrated([one, *others])
    assert found.windows_rejected == {"a server did not say what it had counted": 1}
    assert found.actions["IMAGE photo"].cpu_ms["app"].value == 0


def test_a_draw_is_one_of_the_repetitions(calibration: Calibration) -> None:
    one, other = (demands_of(calibration, draw).cpu_s["GET /discovery"]["app"] for draw in (0, 1))
    assert one != other
    assert one == pytest.approx(0.006, rel=0.15)


def test_contaminated_windows_are_left_out_and_counted(tmp_path: Path) -> None:
    dirty = made(tmp_path / "dirty", MIXES[0], 9, foreign_cpu_cores=0.4)
    found = calibrated([*runs(tmp_path), dirty])
    assert found.windows_rejected == {"other programs or steal took a tenth of a core": 6}


def test_what_always_comes_together_is_a_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(making.TRUTH, "POST /auth/otp", {"app": 2.0, "mongod": 1.0, "generator": 0.5})
    monkeypatch.setitem(making.QUERIES, "POST /auth/otp", 1.0)
    monkeypatch.setitem(making.LATENCY_MS, "POST /auth/otp", 4.0)
    monkeypatch.setitem(making.WITH, "POST /auth/otp", "GET /matches")
    found = calibrated(runs(tmp_path))
    assert found.actions["GET /matches"].with_ == ("POST /auth/otp",)
    both = sum(found.actions[name].cpu_ms["app"].value for name in ("GET /matches", "POST /auth/otp"))
    assert both == pytest.approx(5.0, rel=0.1)
    assert found.actions["GET /matches"].cpu_ms["app"].value == pytest.approx(2 * both / 3, rel=0.1)


def stopped(record: Record) -> Record:
    return replace(record, run=record.run.model_copy(update={"status": "interrupted", "status_reason": "Ctrl-C"}))


def of_phase_2(record: Record) -> Record:
    scenario = record.run.scenario.model_copy(update={"phase": 2})
    return replace(record, run=record.run.model_copy(update={"scenario": scenario}))


def of_another_machine(record: Record) -> Record:
    machine = record.run.machine.model_copy(update={"cpu_model": "another"})
    return replace(record, run=record.run.model_copy(update={"machine": machine}))


def of_more_cores(record: Record) -> Record:
    machine = record.run.machine.model_copy(update={"cpus": 4 * record.run.machine.cpus})
    return replace(record, run=record.run.model_copy(update={"machine": machine}))


def of_fewer_stations(record: Record) -> Record:
    return replace(record, run=record.run.model_copy(update={"stations": {"app": 1.0}}))


def unwatched(record: Record) -> Record:
    return replace(record, run=record.run.model_copy(update={"stations": {}}))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (stopped, "run-0 interrupted: Ctrl-C: demands are read from whole runs. `matchday run calibration`"),
        (of_phase_2, "These runs are of phases 1 and 2"),
        (of_another_machine, "run-1 was made on another machine than run-0: calibrate each by itself, `matchday"),
        (of_more_cores, "run-1 was made on another machine than run-0"),
        (of_fewer_stations, "run-1 has the stations app, mongod, run-0 has app: calibrate each by itself"),
        (unwatched, "run-0 says nothing of the CPU of any station"),
    ],
)
def test_unfit_runs_are_refused(records: list[Record], change: Callable[[Record], Record], sentence: str) -> None:
    with pytest.raises(CalibrationError) as error:
        calibrated([change(records[0]), *records[1:]])
    assert str(error.value).startswith(sentence)


def test_one_mix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match=r"1 mix of actions, 6 are needed .* `matchday run calibration`"):
        calibrated(runs(tmp_path, MIXES[-1:]))


def test_six_times_the_same_mix_is_one_bundle_or_refused(tmp_path: Path) -> None:
    """More and less of everything: only the sum is known, and it is right."""
    found = calibrated(runs(tmp_path, [{name: rate * n for name, rate in MIXES[-1].items()} for n in range(1, 7)]))
    asked = MIXES[-1]
    total = sum(asked[name] * one.cpu_ms["app"].value for name, one in found.actions.items())
    assert total == pytest.approx(sum(asked[name] * TRUTH[name]["app"] for name in asked), rel=0.05)


def test_an_invalid_run_is_refused(tmp_path: Path) -> None:
    bad = made(tmp_path / "bad", MIXES[0], 1, generator_cpu_percent=95.0)
    with pytest.raises(CalibrationError, match="bad is invalid: A generator process used 95 % of a core"):
        calibrated([bad, *runs(tmp_path)])


def test_a_run_twice_is_refused(records: list[Record]) -> None:
    with pytest.raises(CalibrationError, match="run-2 is named twice"):
        calibrated([*records, records[2]])


def test_no_run_is_refused() -> None:
    with pytest.raises(CalibrationError, match="No run was named"):
        calibrated([])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is cut off or no JSON"),
        ('{"schema_version": 7}', "has schema version 7, this Matchday reads 3. `matchday calibrate RUN ...` makes it"),
        ("[]", "has schema version None"),
        ('{"schema_version": 3}', "is no calibration: created_at: Field required"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "calibration.json"
    path.write_text(text)
    with pytest.raises(CalibrationError, match=sentence):
        read(path)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"stretches": []}, "stretches: Tuple should have at least 1 item"),
        ({"draws_idle_cores": {}}, "draws_idle_cores must name the stations"),
        ({"draws_cpu_ms": {}}, "actions, stations and draws_cpu_ms must not be empty, and name the same actions"),
        ({"draws_idle_cores": {"app": [], "mongod": [], "generator": []}}, "as many repetitions"),
        ({"unaccounted_cores": float("nan")}, "unaccounted_cores: Input should be a finite number"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(
    calibration: Calibration, tmp_path: Path, change: dict[str, Any], sentence: str
) -> None:
    path = tmp_path / "calibration.json"
    path.write_text(json.dumps(json.loads(calibration.model_dump_json()) | change))
    with pytest.raises(CalibrationError, match=f"{sentence}.*`matchday calibrate RUN ...` makes it again"):
        read(path)


def test_a_file_that_is_not_there_names_the_commands(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match="`matchday run calibration`, then `matchday calibrate latest`"):
        read(tmp_path / "none.json")


def test_the_one_that_ships_can_be_read() -> None:
    shipped = read(Path(str(MEASURED)))
    assert shipped.phase == 1
    assert {"POST /swipes", "GET /discovery", "WS message delivery", "IMAGE photo"} <= set(shipped.actions)
    assert shipped.draws == 60
