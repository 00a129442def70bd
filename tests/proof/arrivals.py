"""Open load: arrivals at a rate, whatever the backend does.

Closed users wait for an answer before they ask again, so a backend that stalls is asked less just then. Arrivals
keep coming, and each one's latency counts from when it was meant to start.
"""

import random
import time
from typing import ClassVar

import gevent
from gevent import GreenletExit
from gevent.pool import Pool
from locust import FastHttpUser, task
from locust.runners import WorkerRunner
from locust.user.task import LOCUST_STATE_STOPPING

from loadtests.recording.collector import Collector
from loadtests.recording.intended import started_late


class Arrivals(FastHttpUser):
    """Spawns `arrive` at `rate_per_s`; run one user of it a generator process (Locust's -u).

    Gaps are exponential (a Poisson process), or all equal with `evenly`. At most `in_flight_max` arrivals of a process
    are under way at once; what comes on top is dropped, is counted, and makes the run invalid.
    """

    abstract = True
    collector: ClassVar[Collector]
    rate_per_s: ClassVar[float]
    evenly: ClassVar[bool] = False
    in_flight_max: ClassVar[int] = 2000
    concurrency = 2000  # connections: an arrival never waits for one

    def arrive(self) -> None:
        """One arrival: its first request counts from when the arrival was meant to start."""
        raise NotImplementedError

    def on_start(self) -> None:
        runner = self.environment.runner
        options = self.environment.parsed_options
        processes = options.expect_workers if options and isinstance(runner, WorkerRunner) else 1
        self._rate_per_s = self.rate_per_s / processes
        self._rng = random.Random()
        self._under_way = Pool(self.in_flight_max)

    def on_stop(self) -> None:
        self._under_way.kill()

    @task
    def schedule(self) -> None:
        """Until the test ends; what is under way then is waited for, as long as --stop-timeout allows, then failed."""
        due_s = time.perf_counter()
        while self._state != LOCUST_STATE_STOPPING:
            due_s += self._gap_s()
            if (left_s := due_s - time.perf_counter()) > 0:
                gevent.sleep(left_s)
            if self._under_way.full():
                self.collector.add("dropped")
            else:
                self._under_way.spawn(self._one, due_s)
        self._under_way.join()

    def _gap_s(self) -> float:
        return 1 / self._rate_per_s if self.evenly else self._rng.expovariate(self._rate_per_s)

    def _one(self, due_s: float) -> None:
        started_late((time.perf_counter() - due_s) * 1000)
        try:
            self.arrive()
        except GreenletExit:
            # FastHttpUser's session leaves no trace of a request that is killed.
            self.collector.record("ARRIVAL not answered", (time.perf_counter() - due_s) * 1000, failed=True)
            raise
