"""Writes the record of a run: in the only process of a generator, or in its master.

A record begins with the test and ends when the last sample is in. Workers send theirs every second (worker.py).
"""

import logging
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gevent
from gevent.event import Event
from gevent.lock import RLock
from locust.env import Environment
from locust.runners import STATE_MISSING, MasterRunner, Runner

from loadtests.reach import Reach
from loadtests.record import Clock, new_folder
from loadtests.recording.abort import AbortWatch
from loadtests.recording.clock import RunClock
from loadtests.recording.collector import Collector
from loadtests.recording.new_run import new_run
from loadtests.recording.probe import Probe
from loadtests.recording.recent import Recent
from loadtests.recording.window import Window
from loadtests.recording.writer import RecordWriter
from loadtests.watching.stations import StationWatch
from scenarios.schema import Scenario
from scenarios.stack_info import StackInfo

log = logging.getLogger(__name__)

TICK_S = 0.1
# After the workers' users had their --stop-timeout: a worker that is still silent then is counted as lost.
LAST_REPORT_WITHIN_S = 10.0
# Messages between master and workers.
WINDOWS, CLOCK, ENDING, STOP = "matchday windows", "matchday clock", "matchday ending", "matchday stop"


@dataclass
class Plan:
    """What is rehearsed and where its record goes (a folder below runs/ when None).

    The scenario's load is what the command line makes of it: known when a test starts. Somebody's own locustfile does
    not follow it: then Locust's own options say what is asked for, and the ramp is over when Locust says so.
    """

    scenario: Scenario
    folder: Path | None
    stack: StackInfo | None
    until_stopped: bool = False  # whoever started it ends it: that is no interruption
    follows_load: bool = False
    reach: Reach = field(default_factory=Reach)


class Workers:
    """The master's view of the processes that run its users."""

    def __init__(self, runner: MasterRunner, stop_timeout_s: float) -> None:
        self._runner = runner
        self._stop_timeout_s = stop_timeout_s
        self._working: set[str] = set()
        self._changed = Event()
        self.clocks: dict[str, Clock] = {}

    def reported(self, worker: str, last: bool, clock: Clock) -> None:
        self.clocks[worker] = clock
        if last:
            self._working.discard(worker)
            self._changed.set()
        else:
            self._working.add(worker)

    def ending(self, at: float) -> None:
        """The test ends at that moment, for all of them."""
        self._runner.send_message(ENDING, {"at": at})

    def stop(self) -> tuple[str, ...]:
        """Let every worker end its users and send its last window. Returns those that did not."""
        # Locust itself tells them only after the test is over, and waits half a second for what they still have.
        self._runner.send_message(STOP)
        until = time.monotonic() + self._stop_timeout_s + LAST_REPORT_WITHIN_S
        while self._present() and (left := until - time.monotonic()) > 0:
            self._changed.clear()
            self._changed.wait(min(left, 1.0))
        return tuple(sorted(self._working))

    def _present(self) -> set[str]:
        missing = {client.id for client in self._runner.clients.all if client.state == STATE_MISSING}
        return self._working & set(self._runner.clients) - missing


class Recorder:
    """Writes the record of one process's or of all workers' windows."""

    def __init__(self, environment: Environment, collector: Collector, clock: RunClock, plan: Plan) -> None:
        assert environment.runner
        self._environment = environment
        self._runner: Runner = environment.runner
        self._collector, self._clock = collector, clock
        self._plan, self._stack = plan, plan.stack
        self._folder, self._until_stopped = plan.folder, plan.until_stopped
        self._runs = plan.folder.parent if plan.folder else Path("runs")
        self._workers: Workers | None = None
        self._writer: RecordWriter | None = None
        self._ticker: gevent.Greenlet | None = None
        self._ramp: gevent.Greenlet | None = None
        self._watch: StationWatch | None = None
        self._abort = AbortWatch(plan.scenario.abort)
        self.recent = Recent()
        self._stopping_from: float | None = None
        self._ended_why = ""
        self._finishing = RLock()

    def start(self) -> None:
        """A test starts: open its record. Raises UsageError when it cannot be written."""
        self.finish()
        scenario, lasts_s = self._asked()
        stations = {name: s.cores for name, s in self._stack.stations.items()} if self._stack else {}
        run = new_run(
            scenario,
            self._environment.host or "",
            None if self._until_stopped else lasts_s,
            stations,
        )
        folder = self._folder or new_folder(self._runs, scenario.name)
        self._folder = None  # a second test of the same process gets a folder of its own
        self._writer = RecordWriter(folder, run)
        self._stopping_from, self._ended_why = None, ""
        if isinstance(self._runner, MasterRunner):
            self._workers = Workers(self._runner, self._environment.stop_timeout or 0.0)
        self._watch = StationWatch(self._stack) if self._stack else None
        self._abort = AbortWatch(scenario.abort)
        self.recent.clear()
        self._collector.begin()
        self._ticker = gevent.spawn(self._tick, self._writer)
        if self._plan.follows_load:
            self._ramp = gevent.spawn_later(scenario.load.ramp_s, self._steady)
        log.info("run record: %s", folder)

    def reported(self, worker: str, data: dict[str, Any]) -> None:
        """A worker has sent windows."""
        if not self._writer or not self._workers:
            return
        for packed in data["windows"]:
            window = Window.unpacked(packed)
            self._take(self._writer, window)
        self._workers.reported(worker, data["last"], Clock.model_validate(data["clock"] | {"worker": worker}))

    def spawned(self) -> None:
        """Locust has started everybody whom it was asked for."""
        if not self._plan.follows_load:
            self._steady()

    def stopping(self) -> None:
        """The test ends now; users may still have requests under way."""
        if self._stopping_from is None:
            self._stopping_from = self._clock.time()
            self._collector.end(self._stopping_from)
            if self._workers:
                self._workers.ending(self._stopping_from)

    def finish(self) -> None:
        """No user runs any more: wait for the last samples, close the record. Does nothing when none is open."""
        with self._finishing:  # Ctrl-C may ask for it while the end of the run time is at it
            self._finish()

    def _asked(self) -> tuple[Scenario, float | None]:
        """The scenario with the load that is asked for, and how long that lasts."""
        scenario, options = self._plan.scenario, self._environment.parsed_options
        if self._plan.follows_load:
            return scenario, scenario.load.duration_s
        asked = {"model": "users", "concurrent_users": max(1, self._runner.target_user_count)}
        run_time = float(options.run_time) if options and options.run_time else None
        return scenario.model_copy(update={"load": scenario.load.model_copy(update=asked)}), run_time

    def _steady(self) -> None:
        """The ramp is over."""
        if self._writer:
            self._writer.steady(self._clock.time())

    def _finish(self) -> None:
        writer = self._writer
        if not writer:
            return
        lost = self._workers.stop() if self._workers else ()
        self._writer = None
        for greenlet in (self._ticker, self._ramp):
            if greenlet:
                greenlet.kill()
        for window in self._collector.take(everything=True):
            writer.add(window)
        clocks = self._workers.clocks.values() if self._workers else ()
        reason = self._ended_why or self._cut_short(writer)
        # Whoever interrupts a run does not wait for CloudWatch.
        for sample in self._watch.stop(patient=not reason) if self._watch else []:
            writer.observe(int(sample["second"]), sample)
        writer.finish("interrupted" if reason else "finished", reason, self._stopping_from, clocks, lost)
        for worker in lost:
            log.error("%s was lost during the run: what it had not sent by then is missing.", worker)

    def _cut_short(self, writer: RecordWriter) -> str:
        """Why the run ended before its time; empty when it did not."""
        asked, started = writer.run.duration_asked_s, writer.run.started_at.timestamp()
        lasted = (self._stopping_from or self._clock.time()) - started
        # Locust's run time counts from a moment before our start; a second of tolerance covers it.
        return f"stopped after {lasted:.0f} of {asked:.0f} s" if asked and lasted < asked - 1 else ""

    def _tick(self, writer: RecordWriter) -> None:
        """Append what has come; once a second look at what this process can see from outside."""
        probe = Probe(self._environment.host or "", self._plan.reach)
        second = int(self._clock.time())
        while True:
            gevent.sleep(TICK_S - self._clock.time() % TICK_S)
            now = self._clock.time()
            if int(now) > second:
                second, ended = int(now), int(now) - 1
                writer.observe(ended, probe.read())
            for sample in self._watch.read() if self._watch else []:
                writer.observe(int(sample["second"]), sample)
            for window in self._collector.take(pause=lambda: gevent.sleep(0)):
                self._take(writer, window)
            if reason := self._abort.reason(now):
                self._end(f"aborted: {reason}")
                return
            try:
                writer.flush(now)
            except OSError as error:
                self._end(f"the record could not be written any more: {error.strerror}")
                return
            if writer.left_out:
                self._end(writer.left_out)
                return

    def _take(self, writer: RecordWriter, window: Window) -> None:
        writer.add(window)
        self._abort.add(window)
        self.recent.add(window)

    def _end(self, why: str) -> None:
        """End the test before its time."""
        self._ended_why = why
        log.error("%s%s. The test is stopped.", why[0].upper(), why[1:])
        gevent.spawn(self._runner.quit)
