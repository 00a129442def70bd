"""A master with one worker here and one on another host: two network namespaces, joined by a cable.

`python -m tests.proof.two_hosts FOLDER USER USERS SECONDS` starts namespaces of its own (no root is needed), in them a
test server and the generator, and prints what the server really did, as JSON. The record is in FOLDER.
"""

import json
import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

HERE, THERE = "10.77.0.1", "10.77.0.2"
# A namespace of one's own, in which everybody may lay cables.
OUTSIDE = ["unshare", "--user", "--map-root-user", "--net", "--fork", "--"]
_INSIDE = "inside"


def namespaces_work() -> bool:
    """Whether this kernel lets everybody make network namespaces, and `ip` is there to join them."""
    try:
        return subprocess.run([*OUTSIDE, "ip", "link", "set", "lo", "up"], capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


def main(arguments: list[str]) -> None:
    if arguments[0] != _INSIDE:
        argv = [*OUTSIDE, sys.executable, "-m", "tests.proof.two_hosts", _INSIDE, *arguments]
        sys.exit(subprocess.run(argv, check=False).returncode)
    _, folder, user, users, seconds = arguments
    with subprocess.Popen(["unshare", "--net", "--", "sleep", "infinity"]) as other:
        try:
            _join(other.pid)
            _measure(Path(folder), user, users, seconds, ["nsenter", "--target", str(other.pid), "--net", "--"])
        finally:
            other.kill()


def _join(other: int) -> None:
    """A cable from here to the other host."""
    own = os.readlink("/proc/self/ns/net")
    while os.readlink(f"/proc/{other}/ns/net") == own:  # it has not moved out yet
        time.sleep(0.01)
    inside = ["nsenter", "--target", str(other), "--net", "--"]
    for command in (
        ["ip", "link", "set", "lo", "up"],
        ["ip", "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", str(other)],
        ["ip", "addr", "add", f"{HERE}/24", "dev", "cable"],
        ["ip", "link", "set", "cable", "up"],
        [*inside, "ip", "addr", "add", f"{THERE}/24", "dev", "cable"],
        [*inside, "ip", "link", "set", "cable", "up"],
    ):
        subprocess.run(command, check=True)


def _measure(folder: Path, user: str, users: str, seconds: str, elsewhere: list[str]) -> None:
    served = subprocess.Popen(
        [sys.executable, "-m", "tests.proof.server", "--address", HERE], stdout=subprocess.PIPE, text=True
    )
    started = [served]
    try:
        assert served.stdout
        host = f"http://{HERE}:{int(served.stdout.readline())}"
        locust = [sys.executable, "-m", "locust", "-f", "tests/proof/traffic.py", user, "-H", host]
        locust += ["--stop-timeout", "10"]
        master = [*locust, "--master", "--master-bind-host", HERE, "--expect-workers", "2", "--headless"]
        master += ["--only-summary", "-u", users, "-r", str(int(users) / 2), "-t", f"{seconds}s"]
        worker = [*locust, "--worker", "--master-host", HERE]
        environment = os.environ | {"MATCHDAY_RECORD": str(folder)}
        for argv in (worker, [*elsewhere, *worker]):
            started.append(subprocess.Popen(argv, stdout=subprocess.DEVNULL, env=environment, text=True))
        subprocess.run(master, stdout=subprocess.DEVNULL, env=environment, check=True, timeout=int(seconds) + 60)
        with urllib.request.urlopen(f"{host}/log", timeout=10) as response:
            print(json.dumps(json.load(response)))
    finally:
        for process in started:
            process.kill()


if __name__ == "__main__":
    main(sys.argv[1:])
