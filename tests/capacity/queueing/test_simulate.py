"""The simulator against what theory says, within confidence intervals; and against another simulator."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from math import sqrt

import ciw
import numpy as np
import pytest
from scipy import stats

from capacity.queueing.mva import exact
from capacity.queueing.network import (
    Acquire,
    Flow,
    Fork,
    Law,
    Mark,
    Network,
    People,
    Release,
    Serve,
    Station,
    Step,
    Wait,
)
from capacity.queueing.simulate import Simulated, simulate
from tests.capacity.queueing import formulas

RUNS, FLOWS, CONFIDENCE = 20, 20_000, 0.999


def queue(*steps: Step, stations: tuple[Station, ...], arrivals_per_s: float) -> Network:
    flow = Flow("visit", (*steps, Mark("visit")))
    return Network(stations, (flow,), arrivals_per_s={"visit": arrivals_per_s})


def assert_within(network: Network, of: Callable[[Simulated], float], expected: float) -> None:
    """The known answer lies in the confidence interval of independent runs, and the interval says something."""
    found = [of(simulate(network, FLOWS, seed)) for seed in range(RUNS)]
    half = stats.t.ppf((1 + CONFIDENCE) / 2, RUNS - 1) * np.std(found, ddof=1) / sqrt(RUNS)
    assert abs(np.mean(found) - expected) <= half
    assert half < 0.1 * expected


def mean_of(found: Simulated) -> float:
    return float(found.samples_s["visit"].mean())


def percentile_of(percentile: float) -> Callable[[Simulated], float]:
    return lambda found: float(np.percentile(found.samples_s["visit"], percentile))


def test_mm1() -> None:
    network = queue(Serve("s", Law.exponential(1.0)), stations=(Station("s"),), arrivals_per_s=0.8)
    assert_within(network, mean_of, formulas.mm1_response_s(0.8, 1.0))
    assert_within(network, percentile_of(95), formulas.mm1_response_percentile_s(0.8, 1.0, 95))
    assert_within(network, lambda found: found.stations["s"].utilisation, 0.8)
    assert_within(network, lambda found: found.stations["s"].number, 4.0)
    assert formulas.mm1_response_percentile_s(0.8, 1.0, 95) == pytest.approx(14.98, abs=0.01)


def test_mmc() -> None:
    network = queue(Serve("s", Law.exponential(1.0)), stations=(Station("s", servers=3),), arrivals_per_s=2.4)
    assert_within(network, mean_of, formulas.mmc_response_s(2.4, 1.0, 3))


def test_queues_of_their_own_are_slower_than_one() -> None:
    """A third of the arrivals to each of three servers: M/M/1 three times."""
    network = queue(Serve("s", Law.exponential(1.0)), stations=(Station("s", queues=3),), arrivals_per_s=2.4)
    assert_within(network, mean_of, formulas.mm1_response_s(0.8, 1.0))


def test_shortest_queue_lies_between() -> None:
    network = queue(
        Serve("s", Law.exponential(1.0)), stations=(Station("s", queues=3, balancing="least"),), arrivals_per_s=2.4
    )
    found = mean_of(simulate(network, 200_000, 1))
    assert formulas.mmc_response_s(2.4, 1.0, 3) < found < formulas.mm1_response_s(0.8, 1.0)


@pytest.mark.parametrize("law", [Law.fixed(1.0), Law.lognormal(1.0, 1.5)], ids=["fixed", "lognormal"])
def test_mg1(law: Law) -> None:
    network = queue(Serve("s", law), stations=(Station("s"),), arrivals_per_s=0.6)
    assert_within(network, mean_of, formulas.mg1_response_s(0.6, 1.0, law.cv))


def test_mg1_of_a_measured_law() -> None:
    law = Law.measured(np.array([0.5, 0.8, 1.0, 1.1, 3.0]))
    network = queue(Serve("s", law), stations=(Station("s"),), arrivals_per_s=0.4)
    assert_within(network, mean_of, formulas.mg1_response_s(0.4, law.mean_s, law.cv))


@pytest.mark.parametrize("cv", [0.0, 2.0])
def test_shared_service_does_not_depend_on_the_law(cv: float) -> None:
    network = queue(Serve("s", Law.lognormal(1.0, cv)), stations=(Station("s", sharing=True),), arrivals_per_s=0.6)
    assert_within(network, mean_of, formulas.mg1_shared_response_s(0.6, 1.0))


def test_closed_network_agrees_with_mva() -> None:
    network = Network(
        (Station("app", servers=2), Station("database")),
        (Flow("visit", (Serve("app", Law.exponential(0.2)), Serve("database", Law.exponential(0.1)), Mark("visit"))),),
        people=(People(20, 2.0, {"visit": 1}),),
    )
    means = exact(np.array([[0.2, 0.1]]), np.array([2, 1]), np.array([2.0]), [20])
    assert_within(network, mean_of, float(means.response_s[0]))
    assert_within(network, lambda found: found.flows_per_s["visit"], float(means.throughput_per_s[0]))
    assert_within(network, lambda found: found.stations["database"].number, float(means.number[0, 1]))


def test_threads_share_the_cores_of_their_host() -> None:
    """Two stations with a thread for each job on one core: both together are one shared server."""
    stations = tuple(Station(name, servers=1000, host="machine") for name in ("app", "database"))
    flows = tuple(Flow(s.name, (Serve(s.name, Law.exponential(1.0)), Mark("visit"))) for s in stations)
    network = Network(stations, flows, {"machine": 1.0}, arrivals_per_s={"app": 0.3, "database": 0.4})
    assert_within(network, mean_of, formulas.mg1_shared_response_s(0.7, 1.0))


def test_two_cores_are_two_shared_servers() -> None:
    network = queue(
        Serve("s", Law.exponential(1.0)),
        stations=(Station("s", servers=1000),),
        arrivals_per_s=1.5,
    )
    stations = (Station("s", servers=1000, host="machine"),)
    network = replace(network, stations=stations, hosts={"machine": 2.0})
    assert_within(network, mean_of, formulas.mmc_response_s(1.5, 1.0, 2))  # of exponential work the means are alike


def test_weight_comes_first() -> None:
    """Whoever weighs far more does not notice the others."""
    stations = (
        Station("first", servers=1000, host="machine", weight=1e6),
        Station("second", servers=1000, host="machine"),
    )
    flows = tuple(Flow(s.name, (Serve(s.name, Law.exponential(1.0)), Mark(s.name))) for s in stations)
    network = Network(stations, flows, {"machine": 1.0}, arrivals_per_s={"first": 0.4, "second": 0.4})
    assert_within(
        network, lambda found: float(found.samples_s["first"].mean()), formulas.mg1_shared_response_s(0.4, 1.0)
    )


def test_speed_of_a_host_changes() -> None:
    """Periods that are long against everything else: the mean of both speeds, weighed by arrivals."""
    network = queue(
        Serve("s", Law.exponential(1.0)),
        stations=(Station("s"),),
        arrivals_per_s=0.4,
    )
    speeds = {"machine": (1.0, 2.0)}
    stations = (Station("s", host="machine"),)
    network = replace(network, stations=stations, hosts={"machine": 1.0}, speeds=speeds, period_s=250.0)
    half = [formulas.mm1_response_s(0.4, service_s) for service_s in (1.0, 0.5)]
    assert_within(network, mean_of, sum(half) / 2)
    assert_within(network, lambda found: found.stations["s"].utilisation, (0.4 + 0.2) / 2)


def test_pool_is_a_station_with_as_many_servers() -> None:
    held = (Acquire("connections"), Wait(Law.exponential(1.0)), Release("connections"), Mark("visit"))
    network = Network((), (Flow("visit", held),), pools={"connections": 3}, arrivals_per_s={"visit": 2.4})
    assert_within(network, mean_of, formulas.mmc_response_s(2.4, 1.0, 3))


def test_fork_waits_for_the_last() -> None:
    """The largest of three exponential times has mean 1 + 1/2 + 1/3."""
    flows = (
        Flow("page", (Fork("picture", 3), Mark("visit"))),
        Flow("picture", (Wait(Law.exponential(1.0)), Mark("picture"))),
    )
    network = Network((), flows, arrivals_per_s={"page": 5.0})
    assert_within(network, mean_of, 1 + 1 / 2 + 1 / 3)
    found = simulate(network, FLOWS, 1)
    assert len(found.samples_s["picture"]) == pytest.approx(3 * len(found.samples_s["visit"]), rel=0.01)


def test_overload_is_said() -> None:
    network = queue(Serve("s", Law.exponential(1.0)), stations=(Station("s"),), arrivals_per_s=2.0)
    assert not simulate(network, 10_000_000, 1).steady


def test_everybody_waiting_for_everybody_ends() -> None:
    """Two take one token each and want a second: nobody ever ends."""
    steps = (Acquire("p"), Wait(Law.fixed(1.0)), Acquire("p"), Release("p"), Release("p"))
    network = Network((), (Flow("visit", steps),), pools={"p": 2}, people=(People(2, 1e-6, {"visit": 1}),))
    assert simulate(network, 100, 1).flows == 0


def test_same_seed_same_answer() -> None:
    network = queue(Serve("s", Law.exponential(1.0)), stations=(Station("s"),), arrivals_per_s=0.8)
    one, again, other = (simulate(network, 2000, seed) for seed in (1, 1, 2))
    assert one.samples_s["visit"].tolist() == again.samples_s["visit"].tolist()
    assert one.samples_s["visit"].tolist() != other.samples_s["visit"].tolist()


@pytest.mark.parametrize(("servers", "cv"), [(1, 1.0), (3, 1.0), (2, 0.0)])
def test_agrees_with_ciw(servers: int, cv: float) -> None:
    """Ciw is another discrete-event simulator: open queues, written by others."""
    rate = 0.75 * servers
    law = Law.exponential(1.0) if cv else Law.fixed(1.0)
    ours = [
        mean_of(
            simulate(queue(Serve("s", law), stations=(Station("s", servers=servers),), arrivals_per_s=rate), 4000, n)
        )
        for n in range(10)
    ]
    theirs = [ciw_mean_response_s(rate, servers, cv, seed) for seed in range(10)]
    difference = stats.ttest_ind(ours, theirs, equal_var=False).confidence_interval(CONFIDENCE)
    assert difference.low < 0 < difference.high


def ciw_mean_response_s(rate: float, servers: int, cv: float, seed: int) -> float:
    service = ciw.dists.Exponential(rate=1.0) if cv else ciw.dists.Deterministic(value=1.0)
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Exponential(rate=rate)],
        service_distributions=[service],
        number_of_servers=[servers],
    )
    ciw.seed(seed)
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_customers(5000)
    records = sorted(simulation.get_all_records(), key=lambda record: record.exit_date)[1000:]
    return float(np.mean([record.exit_date - record.arrival_date for record in records]))


@pytest.mark.parametrize(
    ("step", "sentence"),
    [
        (Serve("elsewhere", Law.fixed(1.0)), "a station that is not there: 'elsewhere'"),
        (Fork("nothing", 2), "forks into what is no flow, or forks itself: 'nothing'"),
        (Fork("visit", 2), "forks into what is no flow, or forks itself: 'visit'"),
        (Acquire("p"), "a pool that is not there: 'p'"),
    ],
)
def test_what_is_not_there_is_named(step: Step, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Network((), (Flow("visit", (step,)),))


@pytest.mark.parametrize("speeds", [(), (1.0, 0.5)])
def test_when_everybody_waits_for_everybody_it_ends(speeds: tuple[float, ...]) -> None:
    """Three connections that nobody gives back."""
    visit = Flow("visit", (Acquire("p"), Serve("s", Law.fixed(0.1)), Mark("visit")))
    network = Network(
        (Station("s", host="machine"),),
        (visit,),
        {"machine": 1.0},
        {"p": 3},
        (People(5, 1.0, {"visit": 1}),),
        speeds={"machine": speeds} if speeds else {},
    )
    assert len(simulate(network, 1000, 1, warm_up=0).samples_s["visit"]) == 3


def test_work_of_a_flow_is_what_the_simulation_draws() -> None:
    """Alone at its station, a flow takes its work's time: mean and variance of what is drawn apart and together."""
    shape = np.linspace(0.5, 1.5, 101)
    apart = (Serve("s", Law.lognormal(2.0, 0.5)), Serve("s", Law.exponential(1.0)))
    together = tuple(Serve("s", Law.measured(mean_s * shape, together=True)) for mean_s in (2.0, 1.0))
    for steps in (apart, together):
        flow = Flow("visit", (*steps, Mark("visit"), Serve("s", Law.fixed(9.0))))
        network = Network((Station("s", servers=64),), (flow,), arrivals_per_s={"visit": 0.1})
        drawn = simulate(network, 50_000, 1).samples_s["visit"]
        assert flow.work_before_answer.mean_s == pytest.approx(float(drawn.mean()), rel=0.02)
        assert flow.work_before_answer.variance_s2 == pytest.approx(float(drawn.var()), rel=0.1)
        assert flow.work.mean_s == pytest.approx(flow.work_before_answer.mean_s + 9.0)


def test_laws_have_the_mean_and_spread_that_they_say() -> None:
    rng = np.random.default_rng(1)
    drawn = rng.gamma(2.0, 1.0, 200_000)
    law = Law.measured(np.quantile(drawn, np.linspace(0, 1, 2001)))
    assert law.mean_s == pytest.approx(drawn.mean(), rel=0.01)
    assert law.cv == pytest.approx(drawn.std() / drawn.mean(), rel=0.02)


@pytest.mark.parametrize("together", [True, False])
def test_what_is_drawn_together_is_long_together(together: bool) -> None:
    """Standard deviations of 2 s and 1 s: they add up, or their squares do."""
    rising = np.linspace(0.0, 1.0, 101) * sqrt(12)
    steps = [Wait(Law.measured(size * rising, together)) for size in (2.0, 1.0)]
    network = Network((), (Flow("visit", (*steps, Mark("visit"))),), arrivals_per_s={"visit": 1.0})
    spread = float(simulate(network, 50_000, 1).samples_s["visit"].std())
    assert spread == pytest.approx(3.0 if together else sqrt(5), rel=0.02)


def test_without_a_compiler_the_answers_are_the_same() -> None:
    """As where Numba is not installed: the same random numbers, the same samples."""
    program = (
        "from tests.capacity.queueing.test_simulate import small\n"
        "from capacity.queueing.simulate import simulate\n"
        "print(*simulate(small(), 300, 1).samples_s['visit'].tolist())"
    )
    plain = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | {"NUMBA_DISABLE_JIT": "1"}, capture_output=True, check=True
    )
    compiled = simulate(small(), 300, 1).samples_s["visit"]
    assert compiled.tolist() == [float(word) for word in plain.stdout.split()]


def small() -> Network:
    """Everything that the kernel knows, in one network."""
    stations = (
        Station("app", queues=2, balancing="least", host="machine"),
        Station("database", servers=9, host="machine", weight=2.0),
        Station("cache", sharing=True),
    )
    visit = (
        Acquire("connections"),
        Serve("app", Law.lognormal(0.02, 0.8)),
        Serve("database", Law.exponential(0.02)),
        Release("connections"),
        Serve("cache", Law.measured(np.array([0.0, 0.001, 0.01]))),
        Wait(Law.measured(np.array([0.0, 0.002]), together=True)),
        Fork("picture", 2),
        Wait(Law.fixed(0.01)),
        Mark("visit"),
    )
    flows = (Flow("visit", visit), Flow("picture", (Serve("app", Law.exponential(0.01)), Mark("picture"))))
    return Network(
        stations,
        flows,
        {"machine": 1.5},
        {"connections": 4},
        (People(20, 0.5, {"visit": 2, "picture": 1}),),
        {"picture": 5.0},
        {"machine": (1.0, 0.7)},
    )
