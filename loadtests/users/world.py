"""What the people of one generator process share: who is free to play, how they behave, their post."""

import random
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import inf
from uuid import uuid4
from weakref import WeakSet

import gevent
from gevent.event import AsyncResult

from loadtests.adapting import Client
from loadtests.journal import Journal
from loadtests.meetings import Meetings
from loadtests.post import Clock, Count, Fire, Post
from loadtests.reach import Reach
from loadtests.users.mind import Mind
from loadtests.users.pool import PersonPool, worker_of
from scenarios.people import Sex, person_id_of, sex_of
from scenarios.popularity import popularity
from scenarios.schema import Scenario
from scenarios.traffic import Traffic

_HOME_AFTER_S = 0.1


@dataclass
class World:
    """Shared by all users of a process; set up once per test."""

    scenario: Scenario
    client: Client
    fire: Fire
    count: Count
    clock: Clock
    pool: PersonPool
    meetings: Meetings
    worker: int = 0
    workers: int = 1
    knows_everybody: bool = True  # the people are the scenario's population
    knows_tokens: bool = True  # so long as the backend has not refused one that a phone has kept
    somebody_came: bool = False
    mix_ends_s: float = inf  # on the clock: then people behave otherwise, and whoever is online has left
    reach: Reach = field(default_factory=Reach)
    journal: Journal = field(default_factory=lambda: Journal(None))
    post: Post = field(init=False)
    mind: Mind = field(init=False)
    sex_of: dict[str, Sex] = field(init=False)
    rng: random.Random = field(default_factory=random.Random)
    # Under open arrivals: who waits to be asked for a deed, with the time (perf_counter) at which it was due.
    ready: "deque[AsyncResult[float]]" = field(default_factory=deque)

    def __post_init__(self) -> None:
        population = self.scenario.population
        self._idle: set[gevent.Greenlet] = set()
        self._sent_home: WeakSet[gevent.Greenlet] = WeakSet()
        self._ending = False
        ids = [person_id_of(index, population.seed) for index in range(population.users)]
        here = {id_ for index, id_ in enumerate(ids) if worker_of(index, self.workers) == self.worker}
        self.sex_of = {id_: sex_of(index) for index, id_ in enumerate(ids)}
        # Whose ids are not known beforehand is played here, unless there are other processes.
        plays = here.__contains__ if self.knows_everybody else lambda person: self.workers == 1
        self.post = Post(self.fire, self.count, self.clock, uuid4().hex[:12], plays, self.journal.note)
        values = popularity(population.users, population.seed).tolist()
        self.mind = Mind(self.scenario.traffic, dict(zip(ids, values, strict=True)), self.rng)

    @contextmanager
    def idle(self) -> Iterator[None]:
        """Somebody waits or does nothing. When the test ends, or they were sent home, they go: raises StopUser then.

        Whoever is in the middle of a request is left to finish it, so that it counts.
        """
        from locust.exception import StopUser  # not above: importing Locust patches the standard library

        current = gevent.getcurrent()
        if self._ending or current in self._sent_home:
            raise StopUser
        self._idle.add(current)
        try:
            yield
        finally:
            self._idle.discard(current)

    def behave(self, traffic: Traffic, until_s: float) -> None:
        """From now on people behave so, until that time on the clock."""
        self.mind.behave(traffic)
        self.mix_ends_s = until_s

    def end(self) -> None:
        """The test ends."""
        self._ending = self.post.ending = True
        # A moment later: Locust is about to count its users, and complains of those that have ended already.
        gevent.spawn_later(_HOME_AFTER_S, self._send_home)

    def send_home(self, greenlet: gevent.Greenlet) -> None:
        """Somebody leaves before their time is over: at once if they are idle, else as soon as they are."""
        from locust.exception import StopUser

        self._sent_home.add(greenlet)
        if greenlet in self._idle:
            greenlet.kill(StopUser, block=False)

    def _send_home(self) -> None:
        from locust.exception import StopUser

        for greenlet in list(self._idle):
            greenlet.kill(StopUser, block=False)
