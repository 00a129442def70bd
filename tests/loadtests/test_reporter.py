"""A worker's last report is its last. In a process of its own: Locust patches it."""

import subprocess
import sys

ENDS_IN_A_PAUSE = """
from locust.event import Events  # first: it patches the standard library
import gevent
from types import SimpleNamespace
from locust.runners import WorkerRunner
from loadtests.recording.clock import RunClock
from loadtests.recording.collector import Collector
from loadtests.recording.recorder import WINDOWS
from loadtests.recording.worker import Reporter
from tests.loadtests.making import Clock

class Runner(WorkerRunner):
    def __init__(self):
        self.reports = []

    def register_message(self, *arguments, **options):
        pass

    def send_message(self, kind, data=None, client_id=None):
        if kind == WINDOWS:
            self.reports.append(data)

runner, events, seconds = Runner(), Events(), Clock()
collector = Collector(seconds)
reporter = Reporter(SimpleNamespace(runner=runner, events=events), collector, RunClock())
events.test_start.fire()
collector.record("GET /a", 1.0)
seconds.now += 1
gevent.spawn(reporter.tell)
gevent.sleep(0)  # it pauses when a histogram is encoded
events.test_stop.fire()
gevent.sleep(0.05)
print([(len(report["windows"]), report["last"]) for report in runner.reports])
"""


def test_a_report_under_way_when_the_test_ends_does_not_follow_the_last() -> None:
    """The master would think that the worker goes on, wait for it, and call it lost."""
    done = subprocess.run(
        [sys.executable, "-c", ENDS_IN_A_PAUSE], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines() == ["[(0, False), (2, True)]"]
