"""Whom Locust stops between two tasks leaves no request half done. In a process of its own: Locust patches it."""

import subprocess
import sys

STOPS_BETWEEN_TWO_TASKS = """
from locust import task  # first: it patches the standard library
import gevent
from gevent.pool import Group
from locust.env import Environment
from locust.user.task import LOCUST_STATE_WAITING
from loadtests.users.person import Person

class Asking(Person):
    host = "http://localhost"

    def on_start(self):
        pass

    def on_stop(self):
        print("gone home")

    @task
    def ask(self):
        try:
            gevent.sleep(0.02)
            print("request done")
        except BaseException as error:
            print("request lost:", type(error).__name__)
            raise

user = Asking(Environment(user_classes=[Asking]))
greenlet = user.start(Group())
while user._state != LOCUST_STATE_WAITING:
    gevent.sleep(0)
killed = user.stop()
greenlet.join(10)
print(killed, greenlet.dead)
"""


def test_who_is_stopped_between_two_tasks_begins_no_request() -> None:
    """Locust would kill them; whose pause ended in that very moment lost the request just begun."""
    done = subprocess.run(
        [sys.executable, "-c", STOPS_BETWEEN_TWO_TASKS], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines() == ["request done", "gone home", "False True"]
