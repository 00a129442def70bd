"""A worker's side of the record: every second its windows go to the master, the last ones when its users have ended."""

from collections.abc import Sequence

import gevent
from locust.env import Environment
from locust.rpc import Message
from locust.runners import WorkerRunner

from loadtests.recording.clock import RunClock
from loadtests.recording.collector import Collector
from loadtests.recording.recorder import CLOCK, ENDING, STOP, WINDOWS
from loadtests.recording.window import Window

# A few quick round trips before the users start, then one a second.
_FIRST_QUESTIONS, _FIRST_EVERY_S = 10, 0.1


class Reporter:
    """Sends what a worker's collector has closed. A message is cheaper than Locust's report and three times as soon."""

    def __init__(self, environment: Environment, collector: Collector, clock: RunClock) -> None:
        assert isinstance(environment.runner, WorkerRunner)
        self._runner = environment.runner
        self._collector, self._clock = collector, clock
        self._testing = False
        self._runner.register_message(STOP, self._stop, concurrent=True)
        self._runner.register_message(CLOCK, self._adjust)
        self._runner.register_message(ENDING, lambda environment, msg: self._collector.end(msg.data["at"]))
        events = environment.events
        events.test_start.add_listener(self._begin)
        events.test_stop.add_listener(self._end)
        # Before Locust's own listener tells the master that we are gone.
        events.quitting.add_listener(lambda **_: self._runner.stop())
        gevent.spawn(self._tick)

    def _begin(self, **_: object) -> None:
        self._collector.begin()
        self._testing = True
        self.tell()  # from now on the master knows of us

    def tell(self) -> None:
        """Send the windows that are closed, while a test runs."""
        if self._testing:
            windows = self._collector.take(pause=lambda: gevent.sleep(0))
            if self._testing:  # else the test ended in a pause: all has been sent, and the master waits for no more
                self._send(windows, last=False)

    def _end(self, **_: object) -> None:
        if self._testing:
            self._testing = False
            # At once: whoever ended the test, another greenlet may end the process in a pause.
            self._send(self._collector.take(everything=True), last=True)

    def _stop(self, environment: Environment, msg: Message) -> None:
        self._runner.stop()  # waits --stop-timeout for its users, then fires test_stop
        self._end()

    def _adjust(self, environment: Environment, msg: Message) -> None:
        self._clock.adjust(msg.data)

    def _send(self, windows: Sequence[Window], last: bool) -> None:
        clock = self._clock.describe("").model_dump()
        self._runner.send_message(
            WINDOWS, {"windows": [window.packed() for window in windows], "last": last, "clock": clock}
        )

    def _tick(self) -> None:
        for _ in range(_FIRST_QUESTIONS):
            gevent.sleep(_FIRST_EVERY_S)
            self._runner.send_message(CLOCK, self._clock.question())
        while True:
            gevent.sleep(1 - self._clock.time() % 1)
            self.tell()
            self._runner.send_message(CLOCK, self._clock.question())
