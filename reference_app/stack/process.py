"""One child process: started in its own session, ready when a check says so, ended with us whatever happens."""

import itertools
import json
import os
import random
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scenarios.children import signals_held, start_child
from scenarios.outcome import MatchdayError

READY_WITHIN_S = 60.0  # mongod on a cold, busy disk took up to 15 s
STOP_WITHIN_S = 10.0
LOG_LINES_SHOWN = 12


class StackError(MatchdayError):
    """A server of the stack did not start or went away. The text ends with the end of its log."""


# Below those that the system gives to connections (Linux: from 32768): none can take a port before its server does.
PORTS = range(20_000, 32_000)
_ports = itertools.cycle(random.sample(PORTS, len(PORTS)))


def free_port() -> int:
    """A port of 127.0.0.1 that nobody uses now; each call gives another. Raises StackError when none is left."""
    for port in itertools.islice(_ports, len(PORTS)):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise StackError(f"No port of 127.0.0.1 between {PORTS[0]} and {PORTS[-1]} is free. End some servers.")


def reserved_port() -> socket.socket:
    """A port of 127.0.0.1 that nobody else is given while the socket is open, for several of our servers in turn."""
    reserved = socket.socket()
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    reserved.bind(("127.0.0.1", 0))
    return reserved


# Load generator and stack share a machine. When it is full the stack is to be slow, not the clock that measures it.
NICENESS = 15


def tcp_answers(port: int) -> None:
    socket.create_connection(("127.0.0.1", port), timeout=1).close()


def http_answers(url: str) -> None:
    """Raises OSError (URLError is one) until the URL answers with success."""
    with urllib.request.urlopen(url, timeout=2):
        pass


def http_json(url: str) -> dict[str, Any]:
    """Raises OSError until the URL answers with success."""
    with urllib.request.urlopen(url, timeout=2) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def eventually(check: Callable[[], object], what: str, why: Callable[[], str] = lambda: "") -> None:
    """Return when `check` does. Raises StackError, with the reason that `why` gives, when that takes too long."""
    deadline, pause_s = time.monotonic() + READY_WITHIN_S, 0.01
    while True:
        try:
            check()
        except (OSError, TimeoutError) as error:
            if time.monotonic() > deadline:
                raise StackError(f"{what} is not ready within {READY_WITHIN_S:.0f} s ({error}){why()}") from error
            time.sleep(pause_s)
            pause_s = min(pause_s * 1.5, 0.25)
        else:
            return


@dataclass
class ServerProcess:
    """A running server. `check` returns when it answers and raises OSError or TimeoutError until then."""

    name: str
    argv: Sequence[str | Path]
    log: Path
    check: Callable[[], object]
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start without waiting. Must run in the main thread: the child ends when the starting thread does."""
        with self.log.open("ab") as log, signals_held():
            self.process = start_child([str(part) for part in self.argv], log, self.environment, NICENESS)

    def wait_ready(self) -> None:
        """Return when the server answers. Raises StackError with the end of its log when it does not."""

        def answers() -> None:
            if not self.running:
                raise StackError(f"{self.name} ended before it was ready{self.log_end()}")
            self.check()

        eventually(answers, self.name, self.log_end)

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def ask_to_stop(self) -> None:
        if self.process and self.running:
            self.process.terminate()

    def stop(self) -> None:
        """End it: SIGTERM, and SIGKILL to its whole group when it does not listen."""
        if self.process is None:
            return
        self.ask_to_stop()
        try:
            self.process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.kill()  # its own session: nobody else is in its group

    def kill(self) -> None:
        """End it without a word: SIGKILL to its whole group."""
        if self.process and self.running:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def log_end(self) -> str:
        """The end of a sentence about it: what it has logged last."""
        try:
            lines = self.log.read_text(errors="replace").strip().splitlines()[-LOG_LINES_SHOWN:]
        except OSError:
            lines = []
        return (
            ". Its log ends:\n" + "\n".join(f"    {line[:300]}" for line in lines) if lines else "; its log is empty."
        )
