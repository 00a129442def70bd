"""What the people of one generator process share: who is free to play, how they behave, their post."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import uuid4

import gevent
import numpy as np
from numpy.typing import NDArray

from loadtests.journal import Journal
from loadtests.meetings import Meetings
from loadtests.post import Clock, Count, Fire, Post
from scenarios.people import Sex, person_id_of, popularity, sex_of
from scenarios.schema import Dwell, Scenario

_HOME_AFTER_S = 0.1


class NobodyLeft(Exception):
    """More people are asked for than the population has."""


class PersonPool:
    """Indices of the people who are not signed in. With several workers each has its share."""

    def __init__(self, users: int, worker: int = 0, workers: int = 1) -> None:
        # In another order each time: a backend that stays up meets other people in the next run.
        shuffled = random.Random()
        self._free: dict[Sex, list[int]] = {sex: [] for sex in Sex}
        for index in range(users):
            # Blocks of four hold three men and a woman: every worker gets both.
            if index // 4 % workers == worker:
                self._free[sex_of(index)].append(index)
        for indices in self._free.values():
            shuffled.shuffle(indices)

    def take(self, sex: Sex | None = None) -> int:
        """Somebody (of that sex, if there is one) to play. Raises NobodyLeft."""
        fullest = max(Sex, key=lambda s: len(self._free[s]))
        free = self._free[sex] if sex and self._free[sex] else self._free[fullest]
        if not free:
            raise NobodyLeft("Everybody of the population is signed in already: ask for fewer users.")
        return free.pop(0)

    def give_back(self, index: int) -> None:
        """Last in the queue: others come before the same person returns."""
        self._free[sex_of(index)].append(index)


@dataclass
class World:
    """Shared by all users of a process; set up once per test."""

    scenario: Scenario
    otp_test_secret: str
    fire: Fire
    count: Count
    clock: Clock
    pool: PersonPool
    meetings: Meetings
    workers: int = 1
    journal: Journal = field(default_factory=lambda: Journal(None))
    post: Post = field(init=False)
    popularity_of: dict[str, float] = field(init=False)
    rng: random.Random = field(default_factory=random.Random)

    def __post_init__(self) -> None:
        population = self.scenario.population
        self._idle: set[gevent.Greenlet] = set()
        self._ending = False
        process, alone = uuid4().hex[:12], self.workers == 1
        self.post = Post(self.fire, self.count, self.clock, process, alone, self.journal.note)
        values: NDArray[np.float64] = popularity(population.users, population.seed)
        self.popularity_of = {person_id_of(index, population.seed): float(value) for index, value in enumerate(values)}

    @contextmanager
    def idle(self) -> Iterator[None]:
        """Somebody waits or does nothing. When the test ends they go home at once: raises StopUser then.

        Whoever is in the middle of a request is left to finish it, so that it counts.
        """
        from locust.exception import StopUser  # not above: importing Locust patches the standard library

        if self._ending:
            raise StopUser
        current = gevent.getcurrent()
        self._idle.add(current)
        try:
            yield
        finally:
            self._idle.discard(current)

    def end(self) -> None:
        """The test ends."""
        self._ending = self.post.ending = True
        # A moment later: Locust is about to count its users, and complains of those that have ended already.
        gevent.spawn_later(_HOME_AFTER_S, self._send_home)

    def _send_home(self) -> None:
        from locust.exception import StopUser

        for greenlet in list(self._idle):
            greenlet.kill(StopUser, block=False)

    def likes(self, sex: Sex, other_id: str) -> bool:
        """Whether somebody of `sex` likes that person: the popular are liked more."""
        share = self.scenario.traffic.like_share.of(sex) * self.popularity_of.get(other_id, 1.0)
        return self.rng.random() < min(share, 0.95)

    def duration_s(self, dwell: Dwell) -> float:
        """A draw from the log-normal law with this mean and standard deviation."""
        variance = np.log1p((dwell.sd_s / dwell.mean_s) ** 2)
        return self.rng.lognormvariate(float(np.log(dwell.mean_s) - variance / 2), float(np.sqrt(variance)))

    def conversation_length(self) -> int:
        """Messages of a conversation: geometric, capped."""
        traffic = self.scenario.traffic
        stop_share = 1 / traffic.messages_per_conversation_mean.value
        length = int(np.ceil(np.log(1 - self.rng.random()) / np.log(1 - stop_share)))
        return max(1, min(length, int(traffic.messages_per_conversation_max.value)))
