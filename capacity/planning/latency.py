"""Percentiles of latency in closed form: what the simulator finds by letting requests queue, for many ways at once.

A request's CPU time and its waiting are quantiles of one order (docs/decisions/0035). At its quantile u it takes

    shape(u) x sum over servers of (demand x slowness x (1 + (stretch - 1) x e)) + wait(u) + round trips

where `stretch` is how much longer work takes for the queue: of c cores, busy by rho, 1 + rho^(sqrt(2(c + 1)) - 1) /
(c (1 - rho)) (Sakasegawa 1977; shared service is insensitive to how long it is, so no variance stands in it: Kelly
1979). The queue that one request meets is longer or shorter than the mean: e has a gamma law with mean 1. A target's
percentile is that of the mixture of its requests, by their rates.

Two figures are fitted to the simulator, which stays the reference (`make bench-plan` prints how far off this is): app
servers' loops share no queue, so their cores count as fewer, and e varies more than an exponential law.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from capacity.calibration.file import Action
from capacity.calibration.observations import SOCKET
from capacity.calibration.paths import AFTERWARDS, NOBODY_WAITS, WAITS_FOR_WORKER, sized
from capacity.planning.work import ROLES, Floats, Work, role_of
from capacity.prediction.flows import PAGE, PHOTO, PROFILE, actions_of, latency_targets
from scenarios.machines import Role
from scenarios.schema import Scenario

_PLACES = (np.arange(25) + 0.5) / 25  # quantiles of a request
# e: the middles of seven equal parts of a gamma law of shape 0.7, scaled to a mean of 1.
_QUEUES = np.array([0.0311, 0.1567, 0.3492, 0.623, 1.0222, 1.6694, 3.1483])
_SHARED_QUEUE_SHARE = 0.7
WORKER = "worker"
_BUSY_MOST = 0.995  # beyond it a queue has no length that it tends to


@dataclass(frozen=True)
class Load:
    """How full the servers are, in L draws each: CPU seconds there beside here, busy share, cores that share a queue.

    `worker_busy` is the busy share of each worker, which does one job after the other.
    """

    slower: Mapping[Role, Floats]
    busy: Mapping[Role, Floats]
    cores: Mapping[Role, Floats]
    worker_busy: Floats
    round_trip_s: Floats

    def stretch(self, role: Role) -> Floats:
        busy, cores = np.minimum(self.busy[role], _BUSY_MOST), self.cores[role]
        if role == "app":
            cores = np.maximum(np.minimum(cores, 1.0), _SHARED_QUEUE_SHARE * cores)
        return np.asarray(1 + busy ** (np.sqrt(2 * (cores + 1)) - 1) / (cores * (1 - busy)), np.float64)


@dataclass(frozen=True)
class _Requests:
    """A requests of a target: `weight` (A,), `shape`, `wait_s` (A, U), `round_trips` (A,), `cpu_s` (A, L) by role."""

    names: tuple[str, ...]
    weight: Floats
    shape: Floats
    wait_s: Floats
    round_trips: Floats
    cpu_s: Mapping[Role, Floats]
    worker_s: Floats

    def seconds(self, load: Load, a_job_s: Floats) -> Floats:
        """(L, A, U, E)"""
        e = _QUEUES
        work = np.zeros((len(load.round_trip_s), len(self.names), 1, len(e)))
        for role, cpu_s in self.cpu_s.items():
            longer = 1 + (load.stretch(role) - 1)[:, None] * e  # (L, E)
            work += (cpu_s.T * load.slower[role][:, None])[:, :, None, None] * longer[:, None, None, :]
        busy = np.minimum(load.worker_busy, _BUSY_MOST)
        # Jobs wait for each other in order: Pollaczek (1930), Khinchine (1932), exponential jobs.
        queue_s = (a_job_s * load.slower["app"] * busy / (1 - busy))[:, None] * e
        served = self.worker_s.T * load.slower["app"][:, None]
        work += served[:, :, None, None]
        found = self.shape[None, :, :, None] * work + self.wait_s[None, :, :, None]
        found += (self.round_trips[None, :] * load.round_trip_s[:, None])[:, :, None, None]
        found += (served > 0)[:, :, None, None] * queue_s[:, None, None, :]
        return np.asarray(found, np.float64)


class Latencies:
    """Every latency target of a scenario that the calibration can answer; `draws` (L,) of the work's."""

    def __init__(self, work: Work, scenario: Scenario, draws: Sequence[int]) -> None:
        self._work, self._draws = work, np.asarray(draws)
        self._photos = scenario.population.photos_per_person_max
        users = scenario.population.users
        known = [name for name, found in work.calibration.actions.items() if found.latency_ms and name in work.rates]
        self._targets = []
        for target in latency_targets(scenario).values():
            names = [PROFILE, PHOTO] if PAGE in target.samples else actions_of(target, known)
            if names and set(names) <= set(known):
                self._targets.append((target, target.limit_at(users), self._requests(names)))
        self._a_job_s = self._mean_job_s()

    @property
    def titles(self) -> dict[str, float]:
        """Targets with their limits in ms."""
        return {target.title: limit for target, limit, _ in self._targets}

    def percentiles_ms(self, load: Load) -> dict[str, Floats]:
        """(L,) by target's title."""
        found = {}
        for target, _, requests in self._targets:
            seconds = requests.seconds(load, self._a_job_s)
            place = (target.percentile or 95.0) / 100
            if requests.names == (PROFILE, PHOTO):
                found[target.title] = 1000 * self._page_s(seconds, place)
            else:
                found[target.title] = 1000 * _percentile(seconds, requests.weight, place)
        return found

    def _requests(self, names: Sequence[str]) -> _Requests:
        calibration = self._work.calibration
        actions = [calibration.actions[name] for name in names]
        roles = {role: np.zeros((len(names), len(self._draws))) for role in ROLES}
        worker = np.zeros((len(names), len(self._draws)))
        for row, name in enumerate(names):
            for station, each_ms in calibration.draws_cpu_ms[name].items():
                seconds = np.array(each_ms)[self._draws % calibration.draws] / 1000
                if station == WORKER and name in WAITS_FOR_WORKER:
                    worker[row] += seconds
                elif sized(station) and station not in AFTERWARDS:
                    roles[role_of(station)][row] += seconds
        return _Requests(
            tuple(names),
            np.array([self._work.rates[name] for name in names]),
            np.array([_at(one.cpu_shape, 1.0) for one in actions]),
            np.array([_at(one.wait_ms, 0.0) for one in actions]) / 1000,
            np.array([1 + _queries(one) for one in actions]),
            roles,
            worker,
        )

    def _mean_job_s(self) -> Floats:
        """(L,): what a worker's job takes, by how much work jobs bring: long ones are met more often."""
        calibration, total, squared = self._work.calibration, 0.0, 0.0
        for name, cpu in calibration.draws_cpu_ms.items():
            rate = self._work.rates.get(name, 0.0)
            if WORKER in cpu and rate and name not in (*NOBODY_WAITS, SOCKET):
                seconds = np.array(cpu[WORKER])[self._draws % calibration.draws] / 1000
                total, squared = total + rate * seconds, squared + rate * seconds**2
        return np.divide(squared, total, out=np.zeros(len(self._draws)), where=np.asarray(total) > 0)

    def _page_s(self, seconds: Floats, place: float) -> Floats:
        """(L,): a profile, then the slowest of 1 to `photos` photos, drawn once for all."""
        flat = seconds.reshape(len(seconds), 2, -1)
        rng, draws = np.random.default_rng(1), 2000
        profile = flat[:, 0][:, rng.integers(flat.shape[2], size=draws)]
        photos = flat[:, 1][:, rng.integers(flat.shape[2], size=(draws, self._photos))]
        there = np.arange(self._photos) < rng.integers(1, self._photos + 1, size=draws)[:, None]
        slowest = np.where(there, photos, 0.0).max(axis=2)
        return np.asarray(np.quantile(profile + slowest, place, axis=1), np.float64)


def worker_busy(work: Work, draws: NDArray[np.int64], people: Floats, slower: Floats, workers: int) -> Floats:
    """(L,): the busy share of each of so many workers, which do one job after the other."""
    calibration = work.calibration
    each_s = np.zeros(len(draws))
    for action, cpu in calibration.draws_cpu_ms.items():
        if WORKER in cpu:
            each_s += work.rates.get(action, 0.0) * np.array(cpu[WORKER])[draws % calibration.draws] / 1000
    return np.asarray(people * each_s * work.activity[draws] * slower / workers, np.float64)


def _queries(action: Action) -> float:
    return action.counts["database_queries"].value if "database_queries" in action.counts else 0.0


def _at(quantiles: Sequence[float], else_: float) -> Floats:
    if not quantiles:
        return np.full(len(_PLACES), else_)
    return np.interp(_PLACES, np.linspace(0, 1, len(quantiles)), quantiles)


def _percentile(seconds: Floats, weight: Floats, place: float) -> Floats:
    """(L,): of the mixture; `seconds` (L, A, U, E), `weight` (A,)."""
    flat = seconds.reshape(len(seconds), -1)
    each = np.repeat(weight / weight.sum(), seconds[0, 0].size) / seconds[0, 0].size
    order = np.argsort(flat, axis=1)
    reached = np.cumsum(each[order], axis=1)
    at = np.argmax(reached >= place, axis=1)
    return np.asarray(np.take_along_axis(flat, np.take_along_axis(order, at[:, None], 1), 1)[:, 0], np.float64)
