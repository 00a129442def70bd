"""Where a Ctrl-C arrives, in a process of its own."""

import signal
import subprocess
import sys

import pytest

SIGNALS_ITSELF = """
import os, signal, sys
import gevent
from loadtests.recording.interrupt import interrupt_main_only

def sigint():
    os.kill(os.getpid(), signal.SIGINT)

def user():
    try:
        sigint()
        total = sum(range(100))
        gevent.sleep(0.05)
        print("request done", flush=True)
    except BaseException as error:
        print("request lost:", type(error).__name__, flush=True)

def stuck():
    sigint()
    sigint()
    while True:
        pass

interrupt_main_only()
greenlet = gevent.spawn(globals()[sys.argv[1]])
try:
    gevent.sleep(60)
except KeyboardInterrupt:
    print("main interrupted", flush=True)
    greenlet.join()
"""


@pytest.mark.parametrize(
    ("what", "printed"),
    [
        pytest.param("user", ["main interrupted", "request done"], id="the first goes to main, and to no user"),
        pytest.param("stuck", ["main interrupted"], id="the second ends a loop that never comes back"),
    ],
)
def test_ctrl_c(what: str, printed: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SIGNALS_ITSELF, what], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=30
    )
    assert done.stdout.decode().splitlines() == printed
    assert done.returncode in (0, -signal.SIGINT)
