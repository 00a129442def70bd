"""How a request goes through the stations: what a caller waits for, and what is done after the answer."""

from collections.abc import Iterator, Mapping, Sequence

from capacity.calibration.observations import GENERATOR, OFFLINE_MESSAGE
from capacity.queueing.network import Acquire, Flow, Law, Mark, Release, Serve, Station, Step, Wait

# On the way in and out again, in this order; whatever is no station of ours is passed once, in the middle.
WAY = (GENERATOR, "proxy", "app", "auth", "match", "chat")
NOBODY_WAITS = (OFFLINE_MESSAGE,)
DATABASE = "mongod"
# What these do for a request comes after its answer; only the events that they make wait for them.
AFTERWARDS = ("worker", "aws")
WAITS_FOR_WORKER = ("WS match detection", "STORE photo upload")

# The stack's niceness is 15, the generator's 0: Linux weighs them 36 to 1024 (docs/decisions/0028).
GENERATOR_WEIGHT = 28.0
# A thread for each of its requests; none of them waits for another before the cores are short.
MANY = 64


def flow_of(action: str, cpu_s: Mapping[str, float], cv: float, wait: Law | None, pool: str | None = None) -> Flow:
    """The steps of a request with its CPU seconds by station; the time to its answer is a sample.

    While it is at the database, and while it waits, it holds a connection of `pool`.
    """
    way = [name for name in WAY if name in cpu_s]
    last = [name for name in cpu_s if name in AFTERWARDS and action not in WAITS_FOR_WORKER]
    middle = [name for name in cpu_s if name not in (*way, *last)]
    held: list[Step] = [*_work(middle, cpu_s, 1.0, cv), *([Wait(wait)] if wait and wait.mean_s else [])]
    if pool and cpu_s.get(DATABASE):
        held = [Acquire(pool), *held, Release(pool)]
    steps: list[Step] = [
        *_work(way, cpu_s, 0.5, cv),
        *held,
        *_work(way[::-1], cpu_s, 0.5, cv),
        *([] if action in NOBODY_WAITS else [Mark(action)]),
        *_work(last, cpu_s, 1.0, cv),
    ]
    return Flow(action, tuple(steps))


def _work(stations: Sequence[str], cpu_s: Mapping[str, float], part: float, cv: float) -> Iterator[Serve]:
    for name in stations:
        if cpu_s[name] > 0:
            yield Serve(name, Law.lognormal(cpu_s[name] * part, cv))


def stations_of(cores: Mapping[str, float], host: str | None) -> tuple[Station, ...]:
    """The stations of a stack on one host, as they are served: `cores` that each can use, 1 for a single thread."""
    return tuple(_station(name, count, host) for name, count in cores.items())


def _station(name: str, cores: float, host: str | None) -> Station:
    if name == GENERATOR:
        return Station(name, host=host, weight=GENERATOR_WEIGHT)
    if name in WAY:
        # Processes with a loop each; the proxy gives a request to the one with the least to do. A request gives the
        # loop up at each answer that it waits for, some ten times: as if all there shared it.
        return Station(name, queues=max(1, round(cores)), balancing="least", sharing=True, host=host)
    if name in ("valkey", "worker"):
        return Station(name, host=host)
    return Station(name, servers=MANY, host=host)
