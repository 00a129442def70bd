"""How a request goes through the stations: what a caller waits for, and what is done after the answer."""

from collections.abc import Iterator, Mapping, Sequence

from capacity.calibration.observations import GENERATOR, OFFLINE_MESSAGE
from capacity.queueing.network import Acquire, Flow, Law, Mark, Release, Serve, Station, Step, Wait

# On the way in and out again, in this order; whatever is no station of ours is passed once, in the middle.
WAY = (GENERATOR, "proxy", "app", "auth", "match", "chat")
NOBODY_WAITS = (OFFLINE_MESSAGE,)
DATABASE, OBJECT_STORE = "mongod", "aws"
# What these do for a request comes after its answer; only the events that they make wait for them.
AFTERWARDS = ("worker", OBJECT_STORE)
WAITS_FOR_WORKER = ("WS match detection", "STORE photo upload")

# What a managed service does is not ours to size: it waits for its answer that counts.
MANAGED = ("proxy", OBJECT_STORE)
# The stack's niceness is 15, the generator's 0: Linux weighs them 36 to 1024 (docs/decisions/0028).
GENERATOR_WEIGHT = 28.0
# A thread for each of its requests; none of them waits for another before the cores are short.
MANY = 64


def flow_of(action: str, cpu: Mapping[str, Law], wait: Law | None, pool: str | None = None) -> Flow:
    """The steps of a request with its CPU time by station; the time to its answer is a sample.

    While it is at the database, and while it waits, it holds a connection of `pool`.
    """
    way = [name for name in WAY if name in cpu]
    last = [name for name in cpu if name in AFTERWARDS and action not in WAITS_FOR_WORKER]
    middle = [name for name in cpu if name not in (*way, *last)]
    held: list[Step] = [*_work(middle, cpu, 1.0), *([Wait(wait)] if wait and wait.mean_s else [])]
    if pool and DATABASE in cpu and cpu[DATABASE].mean_s:
        held = [Acquire(pool), *held, Release(pool)]
    steps: list[Step] = [
        *_work(way, cpu, 0.5),
        *held,
        *_work(way[::-1], cpu, 0.5),
        *([] if action in NOBODY_WAITS else [Mark(action)]),
        *_work(last, cpu, 1.0),
    ]
    return Flow(action, tuple(steps))


def _work(stations: Sequence[str], cpu: Mapping[str, Law], part: float) -> Iterator[Serve]:
    for name in stations:
        if cpu[name].mean_s > 0:
            yield Serve(name, cpu[name].times(part))


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
        return Station(name, queues=max(1, round(cores)), host=host)  # a node has its keys, a worker its job
    return Station(name, servers=MANY, host=host)


def sized(station: str) -> bool:
    """Whether a plan has servers for it: the generator is nobody's, a managed service its provider's to size."""
    return station != GENERATOR and station not in MANAGED
