"""What runs say of demands: windows of a few seconds in which everything is counted, the bad ones left out."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isnan, nan
from statistics import mean

import numpy as np
from numpy.typing import NDArray

from loadtests.record import NOT_REQUESTS, Record, exactly, matches

Floats = NDArray[np.float64]

# Long enough that CPU times, which come in steps of 10 ms, are exact to a percent, and that what a request leaves to
# be done later is mostly done; short enough that a stage of half a minute has several.
WINDOW_S = 5
# Steal and programs of others: as much of a core makes a request 5 to 10 % dearer for everybody.
FOREIGN_CORES_MAX = 0.1
GENERATOR = "generator"
# An open socket is kept alive whatever else its owner does.
SOCKET, OFFLINE_MESSAGE = "an open socket", "a message to somebody offline"
# What is counted besides CPU: the cost model asks for it. By column of series.csv. A server says what it counted each
# second, if it is asked in time; the generator counts what happens, and leaves a second empty in which nothing does.
_OF_SERVERS = ("database_queries", "cache_hits", "cache_misses")
_OF_GENERATOR = ("cdn_hits", "cdn_misses", "bytes_sent", "bytes_received")
COUNTERS = (*_OF_SERVERS, *_OF_GENERATOR)


@dataclass(frozen=True)
class Observations:
    """W windows of several runs: what people did, and what it took.

    `counts` (W, A): of each action a second; `used` (W, R): of each resource, cores or counts a second. `block` (W,)
    says which stretch of which run a window belongs to: windows of one stretch are alike. `machine` (W,): the busy
    share of all cores.
    """

    actions: tuple[str, ...]
    stations: tuple[str, ...]
    counters: tuple[str, ...]
    counts: Floats
    used: Floats
    block: NDArray[np.int64]
    people: Floats
    machine: Floats
    speed_ms: Floats  # CPU of the reference work
    sockets: Floats
    memory_mb: Floats  # (W, stations); not of the generator: 0
    requests: Mapping[str, Floats]  # (W,) by station, as it counts them itself; of those that do
    pool_size: float | None  # connections to the database that a process may have
    blocks: tuple[str, ...]
    rejected: Mapping[str, int]

    def without(self, action: str) -> "Observations":
        """The same windows, that action not counted."""
        kept = [number for number, name in enumerate(self.actions) if name != action]
        return replace(self, actions=tuple(self.actions[number] for number in kept), counts=self.counts[:, kept])

    @property
    def resources(self) -> tuple[str, ...]:
        return (*self.stations, *self.counters)


def is_request(action: str) -> bool:
    """Whether it is asked over HTTP: a socket's events reach a station without a request."""
    return not action.startswith("WS ") and action not in (SOCKET, OFFLINE_MESSAGE)


@dataclass(frozen=True)
class Stretch:
    """A part of a run in which the load and the people's behaviour stay the same: [start, end), seconds."""

    record: Record
    title: str
    mix: str
    start: float
    end: float


def in_order(records: Iterable[Record]) -> list[Record]:
    """As they were made, however they are named on a command line."""
    return sorted(records, key=lambda record: (record.run.started_at, record.folder.name))


def stretches(record: Record) -> list[Stretch]:
    """Each stage of a run with stages, after its own warm-up; else what was measured."""
    run = record.run
    load, began = run.scenario.load, run.started_at.timestamp()
    if record.measured is None:
        return []
    if len(load.stages) < 2:
        mix = load.stages[0].mix if load.stages else ""
        return [Stretch(record, record.folder.name, mix, *record.measured)]
    found = []
    for number, (stage, (start_s, end_s)) in enumerate(zip(load.stages, load.stage_spans_s, strict=True), 1):
        settled_s = start_s + stage.ramp_share * (end_s - start_s) + load.warm_up_s
        end = min(began + end_s, run.stopping_from or began + end_s)
        title = f"{record.folder.name}, {stage.mix or f'stage {number}'}"
        found.append(Stretch(record, title, stage.mix, -(-(began + settled_s) // 1), end // 1))
    return [stretch for stretch in found if stretch.end - stretch.start >= WINDOW_S]


@dataclass(frozen=True)
class _Window:
    block: int
    counts: dict[str, float]
    used: dict[str, float]
    people: float
    machine: float
    speed_ms: float
    sockets: float
    memory_mb: dict[str, float]
    requests: dict[str, float]


def observed(records: Iterable[Record]) -> Observations:
    """All windows of these runs that can be trusted; the order of the runs does not matter."""
    rejected: Counter[str] = Counter()
    blocks = [stretch for record in in_order(records) for stretch in stretches(record)]
    windows = [window for number, stretch in enumerate(blocks) for window in _windows(stretch, number, rejected)]
    actions = sorted({name for window in windows for name, count in window.counts.items() if count})
    stations = [*sorted({name for stretch in blocks for name in stretch.record.run.stations}), GENERATOR]
    counters = [name for name in COUNTERS if any(window.used.get(name) for window in windows)]

    def table(names: Sequence[str], of: str) -> Floats:
        rows = [[getattr(window, of).get(name, 0.0) for name in names] for window in windows]
        return np.array(rows, np.float64).reshape(len(windows), len(names))

    return Observations(
        tuple(actions),
        tuple(stations),
        tuple(counters),
        table(actions, "counts"),
        table([*stations, *counters], "used"),
        np.array([window.block for window in windows], np.int64),
        np.array([window.people for window in windows], np.float64),
        np.array([window.machine for window in windows], np.float64),
        np.array([window.speed_ms for window in windows], np.float64),
        np.array([window.sockets for window in windows], np.float64),
        table(stations, "memory_mb"),
        {
            name: table([name], "requests")[:, 0]
            for name in stations
            if all(name in window.requests for window in windows)
        },
        max((size for stretch in blocks for size in stretch.record.measured_values("mongo_pool_size")), default=None),
        tuple(stretch.title for stretch in blocks),
        dict(rejected),
    )


def _windows(stretch: Stretch, block: int, rejected: Counter[str]) -> Iterator[_Window]:
    record = stretch.record
    counts = {
        name: record.windows(exactly(name), stretch.start, stretch.end)
        for name in {interval.name for interval in record.intervals}
        if not matches(name, NOT_REQUESTS)
    }
    per_second = {name: found.successes + found.failed for name, found in counts.items()}
    cores = {name: f"cpu_cores_{name}" for name in record.run.stations} | {GENERATOR: "generator_cpu_cores"}
    served = [name for name in record.run.stations if record.measured_values(f"requests_{name}")]
    of_servers = [name for name in _OF_SERVERS if record.measured_values(name)]
    for start in np.arange(stretch.start, stretch.end - WINDOW_S + 1, WINDOW_S):

        def value(column: str, start: float = start) -> float:
            found = record.column(column, start, start + WINDOW_S)
            known = [one for one in found if one is not None]
            return mean(known) if len(known) == WINDOW_S else nan

        used = {name: value(column) for name, column in cores.items()}
        counted = {name: value(name) for name in of_servers}
        requests = {name: value(f"requests_{name}") for name in served}
        unknown = any(map(isnan, [*counted.values(), *requests.values()]))
        if reason := _unfit(record, used, value("foreign_cpu_cores"), value("generator_cpu_percent"), unknown):
            rejected[reason] += 1
            continue
        used |= counted
        for name in _OF_GENERATOR:
            used[name] = sum(one or 0.0 for one in record.column(name, start, start + WINDOW_S)) / WINDOW_S
        at = int(start - stretch.start)
        done = {name: float(found[at : at + WINDOW_S].sum()) / WINDOW_S for name, found in per_second.items()}
        sockets = _or_nothing(value("sockets"))
        done |= {SOCKET: sockets, OFFLINE_MESSAGE: _or_nothing(value("messages_offline"))}
        machine = value("machine_cpu_cores") / record.run.machine.cpus
        memory = {name: _or_nothing(value(f"memory_mb_{name}")) for name in record.run.stations}
        yield _Window(
            block,
            done,
            used,
            value("users"),
            machine,
            value("reference_work_cpu_ms"),
            sockets,
            memory,
            requests,
        )


def _unfit(
    record: Record, used: Mapping[str, float], foreign_cores: float, generator_percent: float, unknown: bool
) -> str:
    """Why a window says nothing of demands; empty when it does."""
    if any(map(isnan, used.values())):
        return "a station's CPU was not measured"
    if unknown:
        return "a server did not say what it had counted"
    if foreign_cores > FOREIGN_CORES_MAX:
        return "other programs or steal took a tenth of a core"
    if generator_percent > record.run.scenario.targets.validity.generator_cpu_percent:
        return "the generator's process was full"
    return ""


def _or_nothing(value: float) -> float:
    return 0.0 if isnan(value) else value
