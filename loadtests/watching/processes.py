"""CPU and memory of stations that run on this machine, from /proc."""

import time
from collections.abc import Callable

import psutil

from loadtests.watching.reading import Reading
from scenarios.stack_info import StackInfo


class Processes:
    """The stations' processes, and the CPU that reading them costs."""

    def __init__(self, stack: StackInfo) -> None:
        self._stations = {
            name: [p for p in map(_process, station.pids) if p]
            for name, station in stack.stations.items()
            if station.pids
        }
        self._own = psutil.Process()
        self._beside = [p for p in map(_process, stack.beside) if p]
        self._known = {pid for station in stack.stations.values() for pid in station.pids}
        self._beside_s: dict[int, float] = {}
        self._at, self._before = time.monotonic(), self._cpu_s()

    def read(self) -> Reading:
        """Cores in use since the last call, and memory now."""
        at, now = time.monotonic(), self._cpu_s()
        # A process that ended takes its seconds with it: never below nothing.
        cores = {name: max(0.0, now[name] - self._before[name]) / (at - self._at) for name in now}
        self._at, self._before = at, now
        values = {f"cpu_cores_{name}": used for name, used in cores.items() if name}
        values["measured_cpu_cores"] = sum(cores.values())
        for name, processes in self._stations.items():
            values[f"memory_mb_{name}"] = sum(map(_rss, processes)) / 2**20
        return Reading(values)

    def _cpu_s(self) -> dict[str, float]:
        """By station; our own, and what runs beside the stack, under the empty name."""
        of_stations = {name: sum(map(_cpu_s, processes)) for name, processes in self._stations.items()}
        return {"": _cpu_s(self._own) + self._of_those_beside(), **of_stations}

    def _of_those_beside(self) -> float:
        """The other side of a duel: its servers, its generator. Ours is below the same parent, and counts itself."""
        if not self._beside:
            return 0.0
        ours = {self._own.pid, *_family(self._own.parent())}
        for process in self._beside:
            for pid in _family(process) - ours - self._known:
                if found := _process(pid):
                    self._beside_s[pid] = max(self._beside_s.get(pid, 0.0), _cpu_s(found))
        return sum(self._beside_s.values())


def _family(process: psutil.Process | None) -> set[int]:
    """A process and all that it has started."""
    try:
        return {process.pid, *(child.pid for child in process.children(recursive=True))} if process else set()
    except psutil.Error:
        return set()


def _process(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid)
    except psutil.NoSuchProcess:
        return None


def _cpu_s(process: psutil.Process) -> float:
    def read() -> float:
        times = process.cpu_times()
        return float(times.user + times.system)

    return _quietly(read)


def _rss(process: psutil.Process) -> float:
    return _quietly(lambda: float(process.memory_info().rss))


def _quietly(read: Callable[[], float]) -> float:
    try:
        return read()
    except psutil.Error:
        return 0.0
