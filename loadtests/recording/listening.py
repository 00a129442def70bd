"""Connects the recorder to Locust's events, in whichever process it is called."""

import logging
import time
from typing import Any

import gevent
from locust.env import Environment
from locust.rpc import Message
from locust.runners import MasterRunner, WorkerRunner

from loadtests.recording.clock import RunClock
from loadtests.recording.collector import Collector
from loadtests.recording.intended import take_wait_ms
from loadtests.recording.interrupt import interrupt_main_only
from loadtests.recording.machine import SelfWatch
from loadtests.recording.recorder import CLOCK, WINDOWS, Plan, Recorder
from loadtests.recording.worker import Reporter
from loadtests.web import refuse_impossible, show_targets
from scenarios.outcome import MatchdayError

log = logging.getLogger(__name__)

DRIFT_EVERY_S = 0.05


def install(environment: Environment, plan: Plan) -> tuple[Collector, RunClock]:
    """Measure what this process does from now on.

    Returns its collector, for what Locust's events do not carry, and the clock that all processes share.
    """
    interrupt_main_only()
    clock = RunClock()
    collector = Collector(clock.time, SelfWatch())
    environment.events.request.add_listener(_on_request(collector))
    environment.events.user_error.add_listener(_on_user_error(collector))
    drift = gevent.spawn(_watch_drift, collector)
    environment.events.quit.add_listener(lambda **_: drift.kill(block=False))
    runner = environment.runner
    if not isinstance(runner, MasterRunner):
        collector.gauge("users", lambda: runner.user_count if runner else 0)
        collector.gauge("users_asked", lambda: runner.target_user_count if runner else 0)
    if isinstance(runner, WorkerRunner):
        Reporter(environment, collector, clock)
    else:
        recorder = Recorder(environment, collector, clock, plan)
        _listen(environment, recorder, clock)
        show_targets(environment, recorder.recent, plan.scenario)
        refuse_impossible(environment)
    return collector, clock


def _on_request(collector: Collector) -> Any:
    def on_request(
        request_type: str,
        name: str,
        response_time: float | None,
        exception: Any,
        response_length: int = 0,
        response: Any = None,
        **_: Any,
    ) -> None:
        full_name, service_ms = f"{request_type} {name}", response_time or 0.0
        waited_ms = take_wait_ms()
        if waited_ms is None:
            collector.record(full_name, service_ms, exception is not None)
        else:
            collector.record(full_name, waited_ms + service_ms, exception is not None)
            collector.record(f"SERVICE {full_name}", service_ms, exception is not None)
        # Users of Locust's own kind know only how long the answer is once it is unpacked.
        collector.add("bytes_received", getattr(response, "bytes_received", response_length) or 0)
        collector.add("bytes_sent", getattr(response, "bytes_sent", 0))

    return on_request


def _on_user_error(collector: Collector) -> Any:
    """Somebody's own client raised: Locust only logs it, and what that person wanted would be missing unseen."""

    def on_user_error(exception: BaseException, **_: Any) -> None:
        collector.record(f"PERSON {type(exception).__name__}", 0.0, True)

    return on_user_error


def _listen(environment: Environment, recorder: Recorder, clock: RunClock) -> None:
    events, runner = environment.events, environment.runner
    assert runner

    def on_start(**_: Any) -> None:
        try:
            recorder.start()
        except MatchdayError as error:
            # An exception of a listener is only logged by Locust: end it ourselves.
            log.error("%s", error)
            environment.process_exit_code = error.exit_code
            gevent.spawn(runner.quit)

    def on_clock(environment: Environment, msg: Message) -> None:
        runner.send_message(CLOCK, clock.answer(msg.data), msg.node_id)

    def on_windows(environment: Environment, msg: Message) -> None:
        recorder.reported(msg.node_id, msg.data)

    def on_stop(**_: Any) -> None:
        recorder.finish()
        # When every worker is lost Locust would sit out the rest of its run time.
        options = environment.parsed_options
        if isinstance(runner, MasterRunner) and not runner.worker_count and options and options.headless:
            gevent.spawn(runner.quit)

    if isinstance(runner, MasterRunner):
        runner.register_message(CLOCK, on_clock)
        runner.register_message(WINDOWS, on_windows)
    events.test_start.add_listener(on_start)
    events.spawning_complete.add_listener(lambda **_: recorder.spawned())
    events.test_stopping.add_listener(lambda **_: recorder.stopping())
    events.test_stop.add_listener(on_stop)
    events.quit.add_listener(lambda **_: recorder.finish())


def _watch_drift(collector: Collector) -> None:
    """How late the loop is: what a timer is late, a response is noticed late by."""
    due = time.perf_counter()
    while True:
        due += DRIFT_EVERY_S
        gevent.sleep(max(0.0, due - time.perf_counter()))
        # A stall that spans several ticks is late for each of them, not once.
        while True:
            collector.drifted((time.perf_counter() - due) * 1000)
            if due + DRIFT_EVERY_S > time.perf_counter():
                break
            due += DRIFT_EVERY_S
