"""Whom Locust stops leaves no request half done, and does not dawdle. In a process of its own: Locust patches it."""

import subprocess
import sys

import pytest

STOPPED = """
import sys
from locust import task  # first: it patches the standard library
import gevent
from gevent.event import Event
from gevent.pool import Group
from locust.env import Environment
from locust.user.task import LOCUST_STATE_WAITING
from loadtests.adapting import Client
from loadtests.meetings import Meetings
from loadtests.recording.clock import RunClock
from loadtests.users.person import Person
from loadtests.users.pool import PersonPool
from loadtests.users.world import World
from scenarios.load import load

rests_s = float(sys.argv[1])
asking = Event()

class Asking(Person):
    host = "http://localhost"

    def on_start(self):
        pass

    def on_stop(self):
        print("gone home")

    @task
    def ask(self):
        asking.set()
        try:
            gevent.sleep(0.02)
            print("request done")
        except BaseException as error:
            print("request lost:", type(error).__name__)
            raise
        if rests_s:
            self.pause(rests_s)
            print("rested")

Person.world = World(load("smoke"), Client(), print, print, RunClock(), PersonPool([]), Meetings())
user = Asking(Environment(user_classes=[Asking]))
greenlet = user.start(Group())
asking.wait()
while not rests_s and user._state != LOCUST_STATE_WAITING:
    gevent.sleep(0)
killed = user.stop()
greenlet.join(10)
print(killed, greenlet.dead)
"""


@pytest.mark.parametrize("rests_s", [0, 60], ids=["between two tasks", "in a request, with a rest before them"])
def test_who_is_stopped_finishes_the_request_and_goes(rests_s: float) -> None:
    """Locust would kill who waits between two; whose pause ended in that very moment lost the request just begun."""
    done = subprocess.run(
        [sys.executable, "-c", STOPPED, str(rests_s)], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines() == ["request done", "gone home", "False True"]
