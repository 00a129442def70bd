"""Open load: what starts at its time, whatever the backend does. A greenlet in every process that has users."""

import time
from collections.abc import Iterable, Sequence
from math import inf

import gevent
from locust import User
from locust.env import Environment

from loadtests.recording.collector import Collector
from loadtests.timetable import Lengths, Online, Visit, poisson, timetable
from loadtests.users.chatter import Chatter
from loadtests.users.dater import Dater
from loadtests.users.world import World
from scenarios.couples import halves_of_couples
from scenarios.schema import Scenario
from scenarios.stages import Curve, Load


def part_of(whole: int, worker: int, workers: int) -> int:
    """A worker's part of so many people; the parts add up."""
    return whole * (worker + 1) // workers - whole * worker // workers


def drive(environment: Environment, world: World, collector: Collector) -> list[gevent.Greenlet]:
    """Start what the load's model starts by itself (of the closed model Locust does it), and what changes on the way.

    Counts how many people were to be there in each second: whether they are tells whether the generator keeps up.
    """
    load = world.scenario.load
    people = part_of(load.concurrent_users, world.worker, world.workers)
    if load.model == "sessions":
        chatters, visits = _planned(world, load)
        planned, started_s = Online(visits), time.perf_counter()
        collector.gauge("users_asked", lambda: float(chatters + planned.at(time.perf_counter() - started_s)))
        return [gevent.spawn(_sessions, environment, world, load, visits, chatters)]
    curve, started_s = load.curve, time.perf_counter()
    if load.model == "arrivals":
        collector.gauge("users_asked", lambda: people)
        return [gevent.spawn(_deeds, world, load, collector)]
    collector.gauge("users_asked", lambda: people * curve.share(time.perf_counter() - started_s))
    return [gevent.spawn(_behave, world, load)] if _behaves(world, load, 0) else []


def without_couples(scenario: Scenario) -> Scenario:
    """All people are daters."""
    traffic = scenario.traffic
    nobody = traffic.couples.model_copy(update={"value": 0.0})
    return scenario.model_copy(update={"traffic": traffic.model_copy(update={"couples": nobody})})


def _planned(world: World, load: Load) -> tuple[int, list[Visit]]:
    """This process's halves of couples, who stay, and the visits of all others."""
    mind, length_s = world.mind, world.scenario.traffic.session_s
    halves = halves_of_couples(world.scenario.traffic, load.concurrent_users)
    people = part_of(load.concurrent_users - halves, world.worker, world.workers)
    lengths = Lengths(length_s.mean_s, lambda: mind.duration_s(length_s), lambda: mind.under_way(length_s))
    curve = Curve(load, staying=halves / load.concurrent_users)
    visits = timetable(curve, people, lengths, world.rng, load.ramp_s + load.warm_up_s)
    return 2 * part_of(halves // 2, world.worker, world.workers), visits


def _sessions(environment: Environment, world: World, load: Load, visits: Sequence[Visit], chatters: int) -> None:
    """People open the app when the timetable says so."""
    started_s, clock_s = time.perf_counter(), world.clock.monotonic_s()
    come = [(load.ramp_s * (number + 0.5) / chatters, None) for number in range(chatters)]
    for at_s, visit in sorted([*come, *((visit.at_s, visit) for visit in visits)], key=lambda one: one[0]):
        _sleep_until(started_s + at_s)
        user: User = Chatter(environment) if visit is None else _visitor(environment, visit, clock_s)
        assert environment.runner
        # As the runner does when it spawns; its own way counts all users each time.
        user.start(environment.runner.user_greenlets)


def _visitor(environment: Environment, visit: Visit, started_s: float) -> Dater:
    dater = Dater(environment)
    opened_s = started_s + visit.at_s - visit.elapsed_s
    dater.visit = opened_s, opened_s + visit.whole_s, visit.elapsed_s / visit.whole_s
    return dater


def _deeds(world: World, load: Load, collector: Collector) -> None:
    """Somebody who is there does something, at the time at which it is due, and at once: without a pause."""
    assert load.deeds_per_s
    started_s, rate_per_s, curve = time.perf_counter(), load.deeds_per_s / world.workers, load.curve
    due: Iterable[float] = poisson(lambda at_s: rate_per_s * curve.share(at_s), rate_per_s, load.duration_s, world.rng)
    for at_s in due:
        _sleep_until(started_s + at_s)
        if world.ready:
            world.ready.popleft().set(started_s + at_s)
        elif at_s > load.ramp_s:  # before, they are still coming
            collector.add("dropped")


def _behaves(world: World, load: Load, number: int) -> bool:
    """Let people behave as that span of the load says. Returns whether another follows it."""
    spans = load.mix_spans_s
    more = number + 1 < len(spans)
    if spans:
        from_s, to_s, mix = spans[number]
        ends_s = world.clock.monotonic_s() + to_s - from_s if more else inf
        world.behave(world.scenario.traffic_of(mix), ends_s)
    return more


def _behave(world: World, load: Load) -> None:
    """The spans after the first, each at its time."""
    started_s = time.perf_counter()
    for number, (from_s, _, _) in enumerate(load.mix_spans_s[1:], 1):
        _sleep_until(started_s + from_s)
        _behaves(world, load, number)


def _sleep_until(at_s: float) -> None:
    if (left_s := at_s - time.perf_counter()) > 0:
        gevent.sleep(left_s)
