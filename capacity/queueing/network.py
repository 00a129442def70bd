"""What a queueing network is made of: hosts with cores, stations on them, and the flows of people through both.

Times are seconds. A station has threads; its host gives them cores. While all threads that have work find a core, each
runs at full speed; when there are more, the cores are shared out by weight: a machine on which everything runs is one
host with all stations, a phase with a server for everything has a host for each.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite, log, log1p, sqrt
from typing import Literal

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Law:
    """How a time is distributed.

    `fixed`, `exponential` and `lognormal` by mean and coefficient of variation (sd / mean); `measured` by its
    quantiles, equally spaced from 0 to 1, straight lines between them. All laws of a flow that are `together` are drawn
    from the same place: whoever has the largest of one has the largest of all.
    """

    kind: Literal["fixed", "exponential", "lognormal", "measured"]
    mean_s: float
    cv: float = 1.0
    quantiles_s: tuple[float, ...] = ()
    together: bool = False

    @classmethod
    def fixed(cls, mean_s: float) -> "Law":
        return cls("fixed", mean_s, 0.0)

    @classmethod
    def exponential(cls, mean_s: float) -> "Law":
        return cls("exponential", mean_s, 1.0)

    @classmethod
    def lognormal(cls, mean_s: float, cv: float) -> "Law":
        return cls("lognormal", mean_s, cv) if cv > 0 else cls.fixed(mean_s)

    @classmethod
    def measured(cls, quantiles_s: NDArray[np.float64], together: bool = False) -> "Law":
        """`quantiles_s` (Q,): ascending, two at least.

        Between two quantiles the law is uniform: its mean is their middle, its variance their distance squared / 12.
        """
        middles = (quantiles_s[1:] + quantiles_s[:-1]) / 2
        widths = np.diff(quantiles_s)
        mean = float(middles.mean())
        second = float((middles**2 + widths**2 / 12).mean())
        cv = sqrt(max(0.0, second - mean**2)) / mean if mean else 0.0
        return cls("measured", mean, cv, tuple(map(float, quantiles_s)), together)

    def times(self, factor: float) -> "Law":
        """The same law, of times that are so much longer."""
        quantiles_s = tuple(factor * one for one in self.quantiles_s)
        return replace(self, mean_s=factor * self.mean_s, quantiles_s=quantiles_s)

    def __post_init__(self) -> None:
        if not (isfinite(self.mean_s) and self.mean_s >= 0 and self.cv >= 0):
            raise ValueError(f"a time has a mean of 0 s or more, and a spread: {self}")

    @property
    def log_normal(self) -> tuple[float, float]:
        """(mu, sigma) of the logarithm of a `lognormal` time, by its mean and cv (Aitchison & Brown 1957)."""
        variance = log1p(self.cv**2)
        return (log(self.mean_s) - variance / 2 if self.mean_s else -745.0), sqrt(variance)


@dataclass(frozen=True)
class Station:
    """Where work is done.

    `queues` that each have `servers`: one queue of two servers is a bank's, two queues of one server are two processes,
    each with work of its own. `balancing`: work goes to any of the queues, or to the one with the least to do.
    `sharing`: all work that is there gets on at once (processor sharing), else first come, first served. `weight`
    against the other stations of its host when cores are short. `host` None: a server always has a core.
    """

    name: str
    servers: int = 1
    queues: int = 1
    balancing: Literal["any", "least"] = "any"
    sharing: bool = False
    host: str | None = None
    weight: float = 1.0

    def __post_init__(self) -> None:
        if self.servers < 1 or self.queues < 1 or not self.weight > 0:
            raise ValueError(f"a station has a server, a queue and a weight at least: {self}")


@dataclass(frozen=True)
class Serve:
    """Work at a station: seconds of one core."""

    station: str
    law: Law


@dataclass(frozen=True)
class Wait:
    """Waiting for nobody: a disk, a network, a timer."""

    law: Law


@dataclass(frozen=True)
class Acquire:
    """Take one of a pool's tokens; wait in line until there is one."""

    pool: str


@dataclass(frozen=True)
class Release:
    """Give the token back."""

    pool: str


@dataclass(frozen=True)
class Mark:
    """The time since the flow began is a sample of that name."""

    name: str


@dataclass(frozen=True)
class Fork:
    """Begin so many copies of a flow at once, and go on when all have ended."""

    flow: str
    copies: int


Step = Serve | Wait | Acquire | Release | Mark | Fork


@dataclass(frozen=True)
class Moments:
    """Of a time: its mean, and its variance in seconds squared."""

    mean_s: float
    variance_s2: float


@dataclass(frozen=True)
class Flow:
    """What somebody waits for: steps, one after the other."""

    name: str
    steps: tuple[Step, ...]

    @property
    def work(self) -> Moments:
        """Of the cores' seconds that it takes in all."""
        return _work(self.steps)

    @property
    def work_before_answer(self) -> Moments:
        """Of those until its first mark."""
        marks = [place for place, step in enumerate(self.steps) if isinstance(step, Mark)]
        return _work(self.steps[: marks[0]] if marks else self.steps)


def _work(steps: Sequence[Step]) -> Moments:
    """Variances of times drawn apart add up (Bienayme 1853); of times drawn together the standard deviations do, as of
    any that are in proportion."""
    laws = [step.law for step in steps if isinstance(step, Serve)]
    apart = sum((law.cv * law.mean_s) ** 2 for law in laws if not law.together)
    together = sum(law.cv * law.mean_s for law in laws if law.together) ** 2
    return Moments(sum(law.mean_s for law in laws), apart + together)


@dataclass(frozen=True)
class People:
    """So many people who think for `think_s` on average, then begin one of the flows, in these proportions."""

    count: int
    think_s: float
    mix: Mapping[str, float]


@dataclass(frozen=True)
class Network:
    """Hosts (cores by name), stations, flows, pools (tokens by name), and where the work comes from.

    `people` are closed: who waits does not think. `arrivals_per_s` by flow are open: a Poisson process each. `speeds`
    by host: how fast its cores are in each `period_s`, one after the other and over again; 1 where none are given.
    """

    stations: tuple[Station, ...]
    flows: tuple[Flow, ...]
    hosts: Mapping[str, float] = field(default_factory=dict)
    pools: Mapping[str, int] = field(default_factory=dict)
    people: tuple[People, ...] = ()
    arrivals_per_s: Mapping[str, float] = field(default_factory=dict)
    speeds: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    period_s: float = 5.0

    def __post_init__(self) -> None:
        if problem := self._problem():
            raise ValueError(problem)

    def _problem(self) -> str:
        stations, flows = {s.name for s in self.stations}, {f.name for f in self.flows}
        for flow in self.flows:
            for step in flow.steps:
                match step:
                    case Serve(station=name) if name not in stations:
                        return f"flow {flow.name!r} names a station that is not there: {name!r}"
                    case Fork(flow=name) if name not in flows or self._forks(name):
                        return f"flow {flow.name!r} forks into what is no flow, or forks itself: {name!r}"
                    case Acquire(pool=name) | Release(pool=name) if name not in self.pools:
                        return f"flow {flow.name!r} names a pool that is not there: {name!r}"
        for name in [*self.arrivals_per_s, *(name for people in self.people for name in people.mix)]:
            if name not in flows:
                return f"nobody can begin {name!r}: there is no such flow"
        if any(not speed > 0 for speeds in self.speeds.values() for speed in speeds):
            return "a host that stands still serves nobody: speeds are above 0"
        if unknown := {s.host for s in self.stations if s.host} - set(self.hosts):
            return f"stations stand on hosts that are not there: {', '.join(sorted(unknown))}"
        return ""

    def _forks(self, name: str) -> bool:
        return any(isinstance(step, Fork) for step in self.flow(name).steps)

    def flow(self, name: str) -> Flow:
        return next(flow for flow in self.flows if flow.name == name)
