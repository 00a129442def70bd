"""What this process and its machine are busy with. The generator and the machine are suspects."""

import os
import socket
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil

from loadtests.recording.window import MachineLoad

SHORTEST_S = 0.2


@dataclass(frozen=True)
class _Reading:
    at_s: float
    own_cpu_s: float
    busy_cpu_s: float
    steal_cpu_s: float


@cache
def machine_identity() -> str:
    """Equal for processes whose CPU counters are the same: one boot of one kernel, whatever the container."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:  # not Linux
        return socket.gethostname()


class SelfWatch:
    """This process and its machine, between two calls. A reading costs 0.1 ms: once a second is nothing."""

    def __init__(self) -> None:
        self._process = psutil.Process(os.getpid())
        self._before = self._read()

    def sample(self) -> tuple[float, float, MachineLoad] | None:
        """(cores that this process used, its memory in MB, the machine) since the last call.

        None when that was a moment ago: the kernel counts in ticks of 10 ms.
        """
        before, now = self._before, self._read()
        elapsed_s = now.at_s - before.at_s
        if elapsed_s < SHORTEST_S:
            return None
        self._before = now
        machine = MachineLoad(
            host=machine_identity(),
            busy_cores=(now.busy_cpu_s - before.busy_cpu_s) / elapsed_s,
            steal_cores=(now.steal_cpu_s - before.steal_cpu_s) / elapsed_s,
            memory_percent=psutil.virtual_memory().percent,
        )
        memory_mb = self._process.memory_info().rss / 2**20
        return (now.own_cpu_s - before.own_cpu_s) / elapsed_s, memory_mb, machine

    def _read(self) -> _Reading:
        times = psutil.cpu_times()
        # The kernel counts guests' time in user time already.
        guests = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
        idle = times.idle + getattr(times, "iowait", 0.0)
        steal = getattr(times, "steal", 0.0)
        return _Reading(time.monotonic(), time.process_time(), sum(times) - idle - guests, steal)
