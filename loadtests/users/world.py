"""What the people of one generator process share: who is free to play, how they behave, their post."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from loadtests.sockets import Fire, Post
from scenarios.people import Sex, person_id_of, popularity, sex_of
from scenarios.schema import Dwell, Scenario


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
    count: Callable[[str], None]
    pool: PersonPool
    workers: int = 1
    post: Post = field(init=False)
    popularity_of: dict[str, float] = field(init=False)
    rng: random.Random = field(default_factory=random.Random)

    def __post_init__(self) -> None:
        population = self.scenario.population
        self.post = Post(self.fire, alone=self.workers == 1)
        values: NDArray[np.float64] = popularity(population.users, population.seed)
        self.popularity_of = {person_id_of(index, population.seed): float(value) for index, value in enumerate(values)}

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
