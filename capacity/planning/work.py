"""What one person asks of each kind of server, in as many ways as are drawn, before any server is chosen."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from capacity.calibration.checks import reference_work_ms
from capacity.calibration.file import Calibration
from capacity.calibration.paths import WAY, sized
from scenarios.machines import Between, Role, ServerType

Floats = NDArray[np.float64]
ROLE_OF: Mapping[str, Role] = {"mongod": "database", "valkey": "cache"}  # all other stations run on app servers
ROLES: tuple[Role, ...] = ("app", "database", "cache")


@dataclass(frozen=True)
class Work:
    """CPU seconds a second of the machine that was calibrated, in D draws.

    `a_person` (D,) by role is what somebody online asks for; `idle` (D,) what one server does without anybody.
    """

    calibration: Calibration
    rates: Mapping[str, float]
    a_person: Mapping[Role, Floats]
    idle: Mapping[Role, Floats]
    in_loop: Floats  # (D,): of the app servers' work what the processes' own loops do, not a worker
    idle_in_loop: Floats
    activity: Floats  # (D,): times as much as `rates` say is done; in the figures above already
    reference_ms: float  # CPU of the reference work where it was calibrated
    seed: int
    _drawn: dict[str, Floats] = field(default_factory=dict, repr=False)  # a catalogue asks for the same again and again

    def times(self, factor: Floats) -> "Work":
        """People who do `factor` (D,) times as much."""
        a_person = {role: factor * found for role, found in self.a_person.items()}
        return replace(self, a_person=a_person, in_loop=factor * self.in_loop, activity=factor * self.activity)

    @property
    def draws(self) -> int:
        return len(self.a_person["app"])

    def drawn(self, between: Between, name: str) -> Floats:
        """(D,): a figure of which three points are known (Johnson 1997); of the same name always the same."""
        if name not in self._drawn:
            rng = np.random.default_rng([self.seed, *name.encode()])
            low, high = between.low, between.high
            if low == high:
                self._drawn[name] = np.full(self.draws, low)
            else:
                self._drawn[name] = np.asarray(rng.triangular(low, between.middle, high, self.draws), np.float64)
        return self._drawn[name]

    def slower(self, name: str, server: ServerType) -> Floats:
        """(D,): CPU seconds there for each on the machine that was calibrated. Sizes of a family are equally fast."""
        return self.drawn(server.work_ms, f"{family_of(name)} work") / self.reference_ms

    def cores(self, name: str, server: ServerType) -> Floats:
        """(D,)"""
        return server.vcpus * self.drawn(server.cores.times(1 / server.vcpus), f"{family_of(name)} cores")


def family_of(name: str) -> str:
    """m7g of m7g.large; redis.m7g of redis.m7g.large."""
    return name.rpartition(".")[0] or name


def worked(
    calibration: Calibration, rates: Mapping[str, float], draws: int, seed: int, activity: Between | None = None
) -> Work:
    """`rates`: what one person does a second, by action; `activity` times as much in each draw. The same seed, the same
    draws. Raises CalibrationError for a calibration that says nothing of other servers than its own."""
    repetitions = np.arange(draws) % calibration.draws
    a_person = {role: np.zeros(calibration.draws) for role in ROLES}
    in_loop, idle_in_loop = np.zeros(calibration.draws), np.zeros(calibration.draws)
    for action, cpu in calibration.draws_cpu_ms.items():
        if rate := rates.get(action, 0.0):
            for station, each_ms in cpu.items():
                if sized(station):
                    a_person[role_of(station)] += rate * np.array(each_ms) / 1000
                if station in WAY and sized(station):
                    in_loop += rate * np.array(each_ms) / 1000
    idle = {role: np.zeros(calibration.draws) for role in ROLES}
    for station, cores in calibration.draws_idle_cores.items():
        if sized(station):
            idle[role_of(station)] += np.array(cores)
        if station in WAY and sized(station):
            idle_in_loop += np.array(cores)
    found = Work(
        calibration,
        rates,
        {role: one[repetitions] for role, one in a_person.items()},
        {role: one[repetitions] for role, one in idle.items()},
        in_loop[repetitions],
        idle_in_loop[repetitions],
        np.ones(draws),
        reference_work_ms(calibration),
        seed,
    )
    return found.times(found.drawn(activity, "activity")) if activity else found


def role_of(station: str) -> Role:
    return ROLE_OF.get(station, "app")
