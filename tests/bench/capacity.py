"""Customers a second through the simulator, beside Ciw and SimPy, in turns on one core.

The three simulate the same queue, M/M/c with c = 2 at 75 %: every customer arrives, waits, is served and leaves a time.
Each number is the median of interleaved rounds; compilation (`first call`) is shown apart.
"""

import random
import time
from collections.abc import Callable, Generator
from functools import partial
from statistics import median

import ciw
import numpy as np
import simpy

from capacity.queueing.compiled import COMPILED
from capacity.queueing.network import Flow, Law, Mark, Network, Serve, Station
from capacity.queueing.simulate import simulate
from tests.capacity.queueing.formulas import mmc_response_s

SERVERS, RATE, ROUNDS = 2, 1.5, 7
OURS, THEIRS = 1_000_000, 20_000


def matchday(customers: int, seed: int) -> float:
    """Mean response, seconds."""
    flow = Flow("visit", (Serve("s", Law.exponential(1.0)), Mark("visit")))
    network = Network((Station("s", servers=SERVERS),), (flow,), arrivals_per_s={"visit": RATE})
    return float(simulate(network, customers, seed, warm_up=0).samples_s["visit"].mean())


def with_ciw(customers: int, seed: int) -> float:
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Exponential(rate=RATE)],
        service_distributions=[ciw.dists.Exponential(rate=1.0)],
        number_of_servers=[SERVERS],
    )
    ciw.seed(seed)
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_customers(customers)
    return float(np.mean([one.exit_date - one.arrival_date for one in simulation.get_all_records()]))


def with_simpy(customers: int, seed: int) -> float:
    rng, times = random.Random(seed), list[float]()
    environment = simpy.Environment()
    servers = simpy.Resource(environment, capacity=SERVERS)

    def visit() -> Generator[simpy.Event, None, None]:
        came = environment.now
        with servers.request() as turn:
            yield turn
            yield environment.timeout(rng.expovariate(1.0))
        times.append(environment.now - came)

    def arrivals() -> Generator[simpy.Event, None, None]:
        for _ in range(customers):
            yield environment.timeout(rng.expovariate(RATE))
            environment.process(visit())

    environment.process(arrivals())
    environment.run()
    return float(np.mean(times))


def main() -> None:
    first = _seconds(lambda: matchday(100, 0))[0]
    print(f"M/M/{SERVERS}, {RATE / SERVERS:.0%} busy; compiled: {COMPILED}; first call {first:.2f} s")
    runs: dict[str, tuple[Callable[[int, int], float], int]] = {
        "matchday": (matchday, OURS if COMPILED else THEIRS),
        "simpy": (with_simpy, THEIRS),
        "ciw": (with_ciw, THEIRS),
    }
    rates: dict[str, list[float]] = {name: [] for name in runs}
    means: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(ROUNDS):
        for name, (simulated, customers) in runs.items():
            took, mean = _seconds(partial(simulated, customers, number))
            rates[name].append(customers / took)
            means[name].append(mean)
    slowest, theory_s = median(rates["ciw"]), mmc_response_s(RATE, 1.0, SERVERS)
    print(f"{'':<10}{'customers/s':>14}{'x Ciw':>8}{'mean response, s':>19}   theory {theory_s:.3f}")
    for name in runs:
        rate = median(rates[name])
        print(f"{name:<10}{rate:>14,.0f}{rate / slowest:>8.1f}{median(means[name]):>19.3f}")


def _seconds(do: Callable[[], float]) -> tuple[float, float]:
    start_s = time.perf_counter()
    found = do()
    return time.perf_counter() - start_s, found


if __name__ == "__main__":
    main()
