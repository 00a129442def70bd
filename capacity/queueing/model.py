"""A network and its state as the kernel's arrays: one record an object, so that what is used together lies together."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
# Record arrays: `m.queues[q].clock`. NumPy's types do not know their fields.
Records = np.recarray

SERVE, WAIT, ACQUIRE, RELEASE, MARK, FORK = range(6)
FIXED, EXPONENTIAL, LOGNORMAL, MEASURED, TOGETHER = range(5)
NOBODY = -1
NEVER = np.inf
TO_BE_DRAWN = -1.0

HOST = np.dtype([("cores", "f8"), ("speed", "f8"), ("first", "i8"), ("end", "i8")])  # its queues
STATION = np.dtype([("first", "i8"), ("end", "i8"), ("least", "?")])  # its queues; work goes to the least busy
# Its steps; how often it came to its end; whether any of its laws are drawn together.
FLOW = np.dtype([("first", "i8"), ("end", "i8"), ("ended", "i8"), ("together", "?")])
STEP = np.dtype([("kind", "i8"), ("what", "i8"), ("law", "i8"), ("copies", "i8")])
LAW = np.dtype([("kind", "i8"), ("a", "f8"), ("b", "f8")])  # mean, or mu and sigma
SOURCE = np.dtype([("rate", "f8"), ("people", "i8"), ("thinking", "i8")])  # people 0: open arrivals
POOL = np.dtype([("tokens", "i8"), ("first", "i8"), ("last", "i8")])  # free tokens, the line
QUEUE = np.dtype(
    [
        ("host", "i8"),
        ("servers", "i8"),
        ("sharing", "?"),
        ("weight", "f8"),
        ("clock", "f8"),  # virtual seconds
        ("at", "f8"),  # when the clock was right
        ("speed", "f8"),  # virtual seconds a second: how fast each job gets on
        ("share", "f8"),  # of a core that each thread has
        ("next", "f8"),  # when the next job ends
        ("heap", "i8"),  # jobs in service, by what the clock will be when they end
        ("first", "i8"),  # the line
        ("last", "i8"),
        ("serving", "i8"),
        ("waiting", "i8"),
        ("work", "f8"),  # integrals over time: core seconds busy
        ("number", "f8"),  # job seconds, waiting and in service
    ]
)
JOB = np.dtype(
    [
        ("key", "f8"),  # in a heap
        ("child", "i8"),
        ("sibling", "i8"),
        ("following", "i8"),  # in a line, among those who are ready, or among those who are free
        ("step", "i8"),
        ("flow", "i8"),
        ("source", "i8"),
        ("parent", "i8"),  # whoever has forked it
        ("children", "i8"),  # that are still under way
        ("started", "f8"),
        ("place", "f8"),  # in all laws that are drawn together
    ]
)
STATE = np.dtype(
    [
        ("now", "f8"),
        ("since", "f8"),  # when the warm-up was over
        ("arrival", "f8"),  # the next
        ("turn", "f8"),  # when the hosts' speeds change next
        ("turns", "i8"),
        ("free", "i8"),  # the first job that nobody is
        ("ready", "i8"),  # the first job that can take its next step
        ("waits", "i8"),  # heap of those who wait for a time
        ("samples", "i8"),
        ("flows", "i8"),  # ended, forked ones apart
        ("events", "i8"),
    ]
)


class Model(NamedTuple):
    """Everything that the kernel reads and writes; `state` has one record."""

    hosts: Records
    speeds: Floats  # (H, K): of each host in each period, over and over
    period_s: float
    stations: Records
    queues: Records
    flows: Records
    steps: Records
    laws: Records
    tables: Floats  # (L, T): quantiles of measured laws
    sources: Records
    mix: Floats  # (W, F): cumulative shares of flows by source
    pools: Records
    jobs: Records
    state: Records
    names: Ints  # (N,): of each sample
    values: Floats  # (N,)


def records(count: int, dtype: np.dtype[np.void], **fields: object) -> Records:
    """`count` records with these fields, the others 0."""
    found = np.zeros(count, dtype).view(np.recarray)
    for name, values in fields.items():
        found[name] = values
    return found
