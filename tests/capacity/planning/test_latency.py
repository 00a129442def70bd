"""Latencies in closed form, beside the simulator that they stand for."""

from pathlib import Path
from statistics import median

import numpy as np
import pytest

from capacity.calibration import file
from capacity.planning.knees import drawn_servers, load_of
from capacity.planning.latency import Latencies, Load
from capacity.planning.work import Floats, Work, worked
from capacity.prediction.crowd import Crowd
from capacity.prediction.runs import Question
from capacity.prediction.site import Drawn, Planned
from cli.crowds import crowd_of
from scenarios.load import MEASURED, load, load_machines
from scenarios.machines import Role
from scenarios.schema import Scenario

CALIBRATION, MACHINES = file.read(Path(str(MEASURED))), load_machines()
DRAWS = 12


def work_of(scenario: Scenario, draws: int = DRAWS) -> Work:
    return worked(CALIBRATION, crowd_of(scenario).daters, draws, 1)


def both_p95_ms(scenario: Scenario, people: int) -> tuple[dict[str, float], dict[str, float]]:
    """Medians over draws, simulated and in closed form: the same servers, equally fast, in both."""
    site = Planned(CALIBRATION, scenario.infrastructure, MACHINES)
    question = Question(CALIBRATION, scenario, Crowd(crowd_of(scenario).daters), site, 1)
    runs = [question.run(people, draw) for draw in range(DRAWS)]
    titles = {key: target.title for key, target in scenario.targets.targets.items()}
    simulated = {
        titles[key]: median(float(np.percentile(run.latencies_ms[key], 95)) for run in runs)
        for key in runs[0].latencies_ms
    }
    latencies = Latencies(work_of(scenario), scenario, list(range(DRAWS)))
    closed = latencies.percentiles_ms(of_runs(question, [run.there for run in runs], people))
    return simulated, {title: float(np.median(values)) for title, values in closed.items()}


def of_runs(question: Question, drawn: list[Drawn], people: int) -> Load:
    """How full the servers of these runs were."""
    rates, plan = question.crowd.rates(people), load(question.scenario.name).infrastructure
    threads = plan.apps * plan.app_processes
    stations: dict[Role, str] = {"app": "app", "database": "mongod", "cache": "valkey"}

    def slower(station: str) -> Floats:
        cpu_ms = CALIBRATION.draws_cpu_ms
        there = (sum(cpu_s[station] for cpu_s in one.demands.cpu_s.values()) for one in drawn)
        here = (sum(cpu[station][draw] for cpu in cpu_ms.values()) / 1000 for draw in range(len(drawn)))
        return np.array([mine / theirs for mine, theirs in zip(there, here, strict=True)])

    busy = {role: np.array([one.asked(rates, people)[name] for one in drawn]) for role, name in stations.items()}
    cores = {role: np.array([one.cores[name] for one in drawn]) for role, name in stations.items()}
    # Two processes on a server's cores: what its threads can use is what they share.
    cores["app"], busy["app"] = np.minimum(cores["app"], threads), busy["app"] * np.maximum(1.0, cores["app"] / threads)
    jobs = [
        people * sum(rates.get(action, 0.0) * cpu_s["worker"] for action, cpu_s in one.demands.cpu_s.items())
        for one in drawn
    ]
    round_trip_s = np.full(len(drawn), MACHINES.network.round_trip_ms.middle / 1000)
    return Load({role: slower(name) for role, name in stations.items()}, busy, cores, np.array(jobs), round_trip_s)


@pytest.mark.parametrize(("name", "people"), [("phase-1", 200), ("phase-1", 900), ("phase-2", 1500), ("phase-3", 2500)])
def test_percentiles_are_the_simulators(name: str, people: int) -> None:
    """Within a third each, an eighth on average."""
    simulated, closed = both_p95_ms(load(name), people)
    assert set(closed) == set(simulated)
    errors = [closed[title] / simulated[title] - 1 for title in closed]
    assert max(map(abs, errors)) < 0.34
    assert float(np.mean(np.abs(errors))) < 0.125


def closed_p95_ms(scenario: Scenario, people: int) -> dict[str, float]:
    work, draws = work_of(scenario), np.arange(DRAWS)
    drawn = drawn_servers(scenario.name, scenario.infrastructure, MACHINES)
    full = load_of(drawn, work, MACHINES, np.full(DRAWS, float(people)), draws)
    found = Latencies(work, scenario, list(range(DRAWS))).percentiles_ms(full)
    return {title: float(np.median(values)) for title, values in found.items()}


def test_more_people_wait_longer() -> None:
    scenario = load("phase-1")
    found = [closed_p95_ms(scenario, people) for people in (10, 400, 800, 1200)]
    for title in found[0]:
        values = [one[title] for one in found]
        assert values == sorted(values)


def test_nobody_in_the_queue_means_nothing_is_longer() -> None:
    nothing, ones = np.zeros(DRAWS), np.ones(DRAWS)
    roles: tuple[Role, ...] = ("app", "database", "cache")
    idle = Load(dict.fromkeys(roles, ones), dict.fromkeys(roles, nothing), dict.fromkeys(roles, ones), nothing, nothing)
    assert all((idle.stretch(role) == 1).all() for role in roles)


def test_a_queue_of_one_core_is_that_of_one_server() -> None:
    """M/M/1: work takes 1 / (1 - rho) as long."""
    busy = np.array([0.5])
    load_ = Load({}, {"database": busy}, {"database": np.array([1.0])}, busy, busy)
    assert load_.stretch("database")[0] == pytest.approx(2.0)


def test_twice_the_cores_at_the_same_share_wait_less() -> None:
    busy = np.full(3, 0.8)
    load_ = Load({}, {"database": busy}, {"database": np.array([1.0, 2.0, 16.0])}, busy, busy)
    stretch = load_.stretch("database").tolist()
    assert stretch == sorted(stretch, reverse=True)
    assert stretch[-1] < 1.15
