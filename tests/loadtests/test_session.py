"""The HTTP client, in a process of its own: importing it patches the standard library."""

import subprocess
import sys

MANY_FILES = """
from loadtests.session import Session
import os, resource
from gevent.pywsgi import WSGIServer
from locust.event import EventHook

resource.setrlimit(resource.RLIMIT_NOFILE, (2048, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
files = [os.dup(0) for _ in range(1024)]
ports = []

def answer(environ, start_response):
    ports.append(environ["REMOTE_PORT"])
    start_response("200 OK", [])
    return [b"yes"]

server = WSGIServer(("127.0.0.1", 0), answer, log=None)
server.start()
session = Session(f"http://127.0.0.1:{server.server_port}", EventHook())
assert all(session.ask("GET", "/").ok for _ in range(5))
print(len(ports), len(set(ports)))
"""


def test_a_connection_is_kept_however_many_files_are_open() -> None:
    run = subprocess.run([sys.executable, "-c", MANY_FILES], capture_output=True, text=True, check=False)
    assert run.stdout.split() == ["5", "1"], run.stderr
