"""Mean value analysis: throughput, residence times and queues of closed networks, without simulating anybody.

Arrays have C classes (rows) and S stations (columns). `demands_s` is what a visit of a class costs at a station in all
(visits times service time); `servers` how many serve from one queue, 0 for a station at which nobody waits (a delay).
Think times belong to classes. Service is shared, or exponential and alike for all classes: what product form asks for
(Baskett, Chandy, Muntz, Palacios 1975).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# (n + 1) x ... population vectors that the exact recursion may visit: a second or so of plain Python.
EXACT_VECTORS = 20_000
_TOLERANCE, _ROUNDS = 1e-10, 100_000


@dataclass(frozen=True)
class Means:
    """What MVA finds: per class throughput (C,), residence times (C, S) and numbers at the stations (C, S)."""

    throughput_per_s: Floats
    residence_s: Floats
    number: Floats

    @property
    def response_s(self) -> Floats:
        """(C,): all stations together, without thinking."""
        return np.asarray(self.residence_s.sum(axis=1), np.float64)


def exact(demands_s: Floats, servers: NDArray[np.int64], think_s: Floats, people: Sequence[int]) -> Means:
    """The recursion over all smaller populations (Reiser & Lavenberg 1980, single servers and delays).

    One class may use stations with several servers: their queues' marginal probabilities are carried along (Reiser &
    Lavenberg 1980; the form of Kattepur & Nambiar 2015). Raises ValueError for several classes at such a station: use
    `approximate`.
    """
    if len(people) == 1:
        return _exact_one_class(demands_s[0], servers, float(think_s[0]), people[0])
    if (servers > 1).any():
        raise ValueError("several classes at a station with several servers: use approximate()")
    numbers: dict[tuple[int, ...], Floats] = {(0,) * len(people): np.zeros(demands_s.shape[1])}
    queued = servers > 0
    for vector in product(*(range(n + 1) for n in people)):
        if not any(vector):
            continue
        throughput, residence = np.zeros(len(people)), np.zeros_like(demands_s)
        for c, n in enumerate(vector):
            if n:
                met = numbers[(*vector[:c], n - 1, *vector[c + 1 :])]
                residence[c] = demands_s[c] * (1 + np.where(queued, met, 0.0))
                throughput[c] = n / (think_s[c] + residence[c].sum())
        numbers[vector] = throughput @ residence
    return Means(throughput, residence, throughput[:, None] * residence)


def _exact_one_class(demand: Floats, servers: NDArray[np.int64], think_s: float, people: int) -> Means:
    count = len(servers)
    number, throughput = np.zeros(count), 0.0
    residence = np.zeros(count)
    # chances[j - 1, s]: that j of a station's servers are busy, for j below all; only several servers need them.
    most = max(1, int(servers.max(initial=1)))
    idle, chances = np.ones(count), np.zeros((most, count))
    places = np.arange(1, most)[:, None]
    free = np.maximum(0, servers[None, :] - places) if most > 1 else np.zeros((0, count))
    for n in range(1, people + 1):
        # A server is free for whoever comes: (m - j) of them are when j are busy.
        spare = (servers - 1).clip(0) * idle + ((free - 1).clip(0) * chances[: most - 1]).sum(axis=0)
        residence = np.where(servers > 0, demand / np.maximum(1, servers) * (1 + number + spare), demand)
        throughput = n / (think_s + residence.sum())
        number = throughput * residence
        if most > 1:
            idle, chances = _chances(throughput * demand, servers, idle, chances)
    return Means(np.array([throughput]), residence[None, :], number[None, :])


def _chances(busy: Floats, servers: NDArray[np.int64], idle: Floats, before: Floats) -> tuple[Floats, Floats]:
    """P(0 busy) and P(j busy), j = 1..m - 1, with one person more; `busy` (S,) servers on average."""
    after = np.zeros_like(before)
    lower = idle
    for j in range(1, before.shape[0]):
        after[j - 1] = np.where(j < servers, busy / j * lower, 0.0)
        lower = before[j - 1]
    weights = np.maximum(0, servers[None, :] - np.arange(1, before.shape[0] + 1)[:, None])
    left = 1 - (busy + (weights * after).sum(axis=0)) / np.maximum(1, servers)
    # Near saturation what is left is the difference of two nearly equal numbers: below nothing is rounding.
    return np.maximum(0.0, left), after


def approximate(demands_s: Floats, servers: NDArray[np.int64], think_s: Floats, people: Floats) -> Means:
    """Any number of people and classes: Bard and Schweitzer's fixed point (Schweitzer 1979), where whoever arrives
    meets the queue of everybody, less their own share. Several servers become one that is as fast as all, and a delay
    (Seidmann, Schweitzer, Shalev-Oren 1987).

    People may be fractions. Against the exact recursion the error is largest when few people use balanced stations;
    tests hold it below 10 % of the throughput.
    """
    counts = np.asarray(people, np.float64)
    most = np.maximum(1, servers)
    queued = np.where(servers > 0, demands_s / most, 0.0)
    delays = demands_s - queued
    there = counts > 0
    number = np.where(there[:, None], counts[:, None] * demands_s / (think_s + demands_s.sum(axis=1))[:, None], 0.0)
    for _ in range(_ROUNDS):
        own = np.divide(number, counts[:, None], out=np.zeros_like(number), where=there[:, None])
        residence = queued * (1 + number.sum(axis=0)[None, :] - own) + delays
        throughput = counts / (think_s + residence.sum(axis=1))
        # A delay's people wait for nobody: the queue is those who are at the fast server.
        after = throughput[:, None] * (residence - delays)
        if np.abs(after - number).max(initial=0.0) <= _TOLERANCE * max(1.0, counts.sum()):
            return Means(throughput, residence, throughput[:, None] * residence)
        number = after
    raise ArithmeticError("the fixed point was not reached")


def solved(demands_s: Floats, servers: NDArray[np.int64], think_s: Floats, people: Sequence[int]) -> Means:
    """Exact where that is feasible, else approximate."""
    vectors = prod(n + 1 for n in people)
    if vectors <= EXACT_VECTORS and (len(people) == 1 or not (servers > 1).any()):
        return exact(demands_s, servers, think_s, people)
    return approximate(demands_s, servers, think_s, np.asarray(people, np.float64))
