"""Measures a run: listens to Locust's events and leaves a run record.

Every process that runs users has a `Collector`; the local or master process has a `Recorder` that writes. A
worker's windows travel with Locust's own reports. A record begins with the test and ends when the last
report is in: at `test_stop` for a single process, at `quit` for a master.
"""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import gevent
from locust.env import Environment
from locust.runners import STATE_RUNNING, STATE_SPAWNING, MasterRunner, Runner, WorkerRunner

from loadtests import writer
from loadtests.collector import Collector
from loadtests.probe import Probe
from loadtests.record import LOOP_DRIFT, Run, new_folder
from loadtests.stations import StationWatch
from loadtests.writer import RecordWriter, Window
from scenarios.outcome import MatchdayError
from scenarios.schema import Scenario
from scenarios.stack_info import StackInfo

log = logging.getLogger(__name__)

DRIFT_EVERY_S = 0.05
# How long a second stays open: a worker reports every 3 s, and a report may be one late.
CLOSE_AFTER_S, CLOSE_AFTER_DISTRIBUTED_S = 1, 8
_REPORT_KEY = "matchday"


@dataclass(frozen=True)
class Plan:
    """What is rehearsed and where its record goes (a folder below runs/ when None)."""

    scenario: Scenario
    folder: Path | None
    stack: StackInfo | None


class Recorder:
    """Writes the record of one process's or of all workers' windows."""

    def __init__(self, environment: Environment, collector: Collector, plan: Plan) -> None:
        assert environment.runner
        self._environment = environment
        self._runner: Runner = environment.runner
        self._collector = collector
        self._scenario, self._stack = plan.scenario, plan.stack
        self._folder = plan.folder
        self._runs = plan.folder.parent if plan.folder else Path("runs")
        distributed = isinstance(environment.runner, MasterRunner)
        self._close_after_s = CLOSE_AFTER_DISTRIBUTED_S if distributed else CLOSE_AFTER_S
        self._writer: RecordWriter | None = None
        self._ticker: gevent.Greenlet | None = None
        self._watch: StationWatch | None = None
        self._probe: Probe | None = None
        self._stopping_from: float | None = None

    def start(self) -> None:
        """A test starts: open its record. Raises UsageError when it cannot be written."""
        self.finish()
        options = self._environment.parsed_options
        stations = {name: s.cores for name, s in self._stack.stations.items()} if self._stack else {}
        run = writer.new_run(
            self._scenario,
            self._environment.host or "",
            self._runner.target_user_count,
            float(options.run_time) if options and options.run_time else None,
            stations,
        )
        folder = self._folder or new_folder(self._runs, self._scenario.name)
        self._folder = None  # a second test of the same process gets a folder of its own
        self._writer = RecordWriter(folder, run)
        self._stopping_from = None
        self._probe = Probe(self._environment.host or "")
        self._watch = StationWatch(self._stack) if self._stack else None
        self._collector.take(everything=True)  # what happened before is not part of it
        self._ticker = gevent.spawn(self._tick)
        log.info("run record: %s", folder)

    def add(self, window: Window) -> None:
        if self._writer:
            self._writer.add(window)

    def all_there(self, users: int) -> None:
        if self._writer:
            self._writer.steady(time.time(), users)

    def stopping(self) -> None:
        self._stopping_from = self._stopping_from or time.time()

    def finish(self) -> None:
        """The last sample is in: close the record. Does nothing when none is open."""
        writer, self._writer = self._writer, None
        if not writer:
            return
        if self._ticker:
            self._ticker.kill()
        if self._watch:
            self._watch.stop()
        for window in self._collector.take(everything=True):
            writer.add(window)
        status, reason = self._ending(writer.run)
        writer.finish(status, reason, self._stopping_from)

    def _ending(self, run: Run) -> tuple[Literal["finished", "interrupted"], str]:
        asked, started = run.duration_asked_s, run.started_at.timestamp()
        lasted = (self._stopping_from or time.time()) - started
        # Locust's run time counts from a moment before our start; a second of tolerance covers it.
        if asked and lasted < asked - 1:
            return "interrupted", f"stopped after {lasted:.0f} of {asked:.0f} s"
        return "finished", ""

    def _tick(self) -> None:
        """Once a second: what this process can see from outside, then close old seconds."""
        writer = self._writer
        assert writer
        due = int(time.time()) + 1
        while True:
            while (left := due - time.time()) > 0:  # a timer may fire a moment early
                gevent.sleep(left)
            second, due = due - 1, max(due, int(time.time())) + 1
            values: dict[str, float] = {"users": float(self._runner.user_count)}
            if self._probe:
                values |= self._probe.read()
            writer.observe(second, values)
            for sample in self._watch.read() if self._watch else []:
                writer.observe(int(sample["second"]), sample)
            for window in self._collector.take():
                writer.add(window)
            try:
                writer.write_until(int(time.time()) - self._close_after_s)
            except OSError as error:
                log.error("The run record cannot be written any more: %s. The test is stopped.", error)
                gevent.spawn(self._runner.quit)
                return


def install(environment: Environment, plan: Plan) -> Collector:
    """Listen to the events of this process. Returns its collector, for what Locust's events do not carry."""
    collector = Collector()
    events = environment.events

    def on_request(request_type: str, name: str, response_time: float | None, exception: Any, **_: Any) -> None:
        collector.record(f"{request_type} {name}", response_time or 0.0, exception is not None)

    events.request.add_listener(on_request)
    drift = gevent.spawn(_watch_drift, collector)
    events.quit.add_listener(lambda **_: drift.kill(block=False))
    if isinstance(environment.runner, WorkerRunner):
        _install_worker(environment, collector)
    else:
        _install_writer(environment, Recorder(environment, collector, plan))
    return collector


def _install_worker(environment: Environment, collector: Collector) -> None:
    def report(data: dict[str, Any], **_: Any) -> None:
        # The open second is sent with the last report only: its gauges must count once.
        assert environment.runner
        ended = environment.runner.state not in (STATE_SPAWNING, STATE_RUNNING)
        data[_REPORT_KEY] = [window.packed() for window in collector.take(everything=ended)]

    environment.events.test_start.add_listener(lambda **_: collector.take(everything=True))
    environment.events.report_to_master.add_listener(report)


def _install_writer(environment: Environment, recorder: Recorder) -> None:
    events = environment.events

    def on_start(**_: Any) -> None:
        try:
            recorder.start()
        except MatchdayError as error:
            # An exception of a listener is only logged by Locust: end it ourselves.
            log.error("%s", error)
            environment.process_exit_code = error.exit_code
            gevent.spawn(_quit, environment)

    def on_report(data: Mapping[str, Any], **_: Any) -> None:
        for packed in data.get(_REPORT_KEY, []):
            recorder.add(Window.unpacked(packed))

    def on_stopped(**_: Any) -> None:
        if not isinstance(environment.runner, MasterRunner):
            recorder.finish()

    events.test_start.add_listener(on_start)
    events.spawning_complete.add_listener(lambda user_count, **_: recorder.all_there(user_count))
    events.worker_report.add_listener(on_report)
    events.test_stopping.add_listener(lambda **_: recorder.stopping())
    events.test_stop.add_listener(on_stopped)
    events.quit.add_listener(lambda **_: recorder.finish())


def _quit(environment: Environment) -> None:
    if environment.runner:
        environment.runner.quit()


def _watch_drift(collector: Collector) -> None:
    """How late the loop is: what a timer is late, a response is noticed late by."""
    due = time.perf_counter()
    while True:
        due += DRIFT_EVERY_S
        gevent.sleep(max(0.0, due - time.perf_counter()))
        # A stall that spans several ticks is late for each of them, not once.
        while True:
            late_ms = (time.perf_counter() - due) * 1000
            collector.record(LOOP_DRIFT, late_ms)
            collector.peak("generator_drift_ms", late_ms)
            if due + DRIFT_EVERY_S > time.perf_counter():
                break
            due += DRIFT_EVERY_S
