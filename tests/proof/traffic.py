"""Locust users whose figures are known beforehand. Loaded by `locust -f`; MATCHDAY_RECORD names the record's folder."""

import os
import random
import sys
import time
from pathlib import Path
from typing import Any

from gevent.event import Event
from locust import FastHttpUser, User, between, constant, constant_throughput, events, task
from locust.env import Environment

from loadtests.recording.listening import install
from loadtests.recording.recorder import Plan
from loadtests.session import Session
from scenarios.load import load
from tests.proof.arrivals import Arrivals


def set_up(environment: Environment, **_: Any) -> None:
    scenario = load("phase-1", ["load.warm_up_s=0", *os.environ.get("MATCHDAY_SET", "").split()])
    Arrivals.collector, _clock = install(environment, Plan(scenario, Path(os.environ["MATCHDAY_RECORD"]), None))


ASKING_S = 60.0
all_there = Event()
events.spawning_complete.add_listener(lambda **_: all_there.set())
events.init.add_listener(set_up)


def say_begun() -> None:
    """When this user begins to act: on a busy machine Locust's own seconds begin sooner.

    A line a system call: an unbuffered print writes its line break apart, and processes that share the pipe then mix.
    """
    os.write(sys.stdout.fileno(), f"BEGAN {time.time()}\n".encode())


class Laws(FastHttpUser):
    """Asks for one law or another, with pauses, or all would ask in step.

    Only while all users are there: a run's ramp and end, when Locust is busy with its users, are not measured either.
    """

    wait_time = between(0.0, 0.1)

    def on_start(self) -> None:
        self.client.get("/stalling")  # opens the connection: the server's log knows nothing of that time
        all_there.wait()
        self._until = time.monotonic() + ASKING_S

    @task
    def ask(self) -> None:
        if time.monotonic() > self._until:
            return
        law = random.choice(("constant", "bimodal", "lognormal", "around-105"))
        self.client.get(f"/law/{law}")


class Flaky(FastHttpUser):
    wait_time = constant(0)

    @task
    def ask(self) -> None:
        self.client.get("/flaky")


class Evenly(Arrivals):
    """200 arrivals a second, evenly."""

    rate_per_s = 200.0
    evenly = True

    def on_start(self) -> None:
        super().on_start()
        say_begun()

    def arrive(self) -> None:
        self.client.get("/stalling")


class Few(Evenly):
    """The same, with no more than 50 under way at a time."""

    in_flight_max = 50


class Closed(FastHttpUser):
    """The same traffic as Locust's own users would send it: 20 of them, ten requests a second each."""

    wait_time = constant_throughput(10)

    @task
    def ask(self) -> None:
        self.client.get("/stalling")


class Slow(FastHttpUser):
    """Two seconds for every answer."""

    wait_time = constant(0)

    def on_start(self) -> None:
        say_begun()

    @task
    def ask(self) -> None:
        self.client.get("/law/two-seconds")


class Asking(User):
    """Asks as Matchday's own people do: what nobody answers is counted when the test is over."""

    wait_time = constant(0.1)

    def on_start(self) -> None:
        assert self.host
        self.session = Session(self.host, self.environment.events.request)

    @task
    def ask(self) -> None:
        answer = self.session.ask("GET", "/stalling")
        self.session.count("GET", "/stalling", answer, None if answer.ok else "no answer")


class Calm(FastHttpUser):
    wait_time = constant_throughput(10)

    @task
    def ask(self) -> None:
        self.client.get("/law/constant")


class Burner(FastHttpUser):
    """Works 20 ms for every request: five of them are more than a core can do."""

    wait_time = constant(0)

    @task
    def ask(self) -> None:
        self.client.get("/law/constant")
        until = time.perf_counter() + 0.02
        while time.perf_counter() < until:
            pass


class Many(FastHttpUser):
    """Almost as many names as there may be: a record that grows fast."""

    names = 1_900

    wait_time = constant(0)

    @task
    def ask(self) -> None:
        self.client.get("/stalling", name=f"/stalling/{random.randrange(self.names)}")


class Numbered(Many):
    """A name of its own for every request, as where an id is a part of it."""

    names = 10**9
