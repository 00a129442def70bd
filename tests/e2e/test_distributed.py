"""A master and workers of two machines: one clock, messages between their people, exact figures."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from loadtests.record import Record
from reference_app.stack.process import free_port
from tests.e2e.conftest import BIN, POPULATION, Shell, plain

CLOCK_AHEAD_S = 1000
# Another machine's clock without another machine: a time namespace, in which the monotonic clock runs ahead.
ELSEWHERE = ["unshare", "--user", "--map-root-user", "--time", "--monotonic", str(CLOCK_AHEAD_S), "--fork", "--"]


def elsewhere_works() -> bool:
    if not shutil.which("unshare"):
        return False
    return subprocess.run([*ELSEWHERE, "true"], capture_output=True).returncode == 0


@pytest.mark.slow
@pytest.mark.skipif(not elsewhere_works(), reason="this kernel lets nobody make a time namespace")
def test_what_crosses_machines_is_timed_by_a_clock_whose_error_is_said(shell: Shell, stack_file: Path) -> None:
    port = str(free_port())
    argv: list[str | Path] = [
        BIN / "locust",
        "-f",
        Path("loadtests/locustfile.py").absolute(),
        "--stack",
        stack_file,
        *POPULATION,
    ]
    argv += ["--set", "load.warm_up_s=1.0", "--set", "traffic.couples.value=12"]
    # Fast typists: some of the conversations that are over in fifteen seconds are between the two machines.
    argv += ["--set", "traffic.conversations.typing_s.mean_s=0.5", "--set", "traffic.conversations.typing_s.sd_s=0.3"]
    worker = [*argv, "--worker", "--master-port", port]
    master = [*argv, "--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--expect-workers", "2"]
    master += ["--headless", "-u", "24", "-r", "24", "-t", "15s"]
    processes = [
        subprocess.Popen(command, cwd=shell.folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for command in (master, worker, [*ELSEWHERE, *worker])
    ]
    try:
        logs = [process.communicate(timeout=90)[1] for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0, 0, 0], "\n".join(log[-2000:] for log in logs)
    record = Record.read(shell.record())
    assert record.complete
    assert [clock.shared for clock in sorted(record.run.clocks, key=lambda clock: clock.shared)] == [False, True]
    away = next(clock for clock in record.run.clocks if not clock.shared)
    assert away.offset_ms == pytest.approx(-1000 * CLOCK_AHEAD_S, abs=away.error_ms)
    assert away.error_ms < 10
    messages = record.run.messages
    assert messages
    assert messages.sent >= 5
    assert messages.crossed > 0
    assert (messages.lost, messages.duplicated, messages.reordered) == (0, 0, 0)
    delivery = (record.run.latency_ms or {})["WS message delivery"]
    # A clock that is off by 1,000 s would show in every message from one machine to the other.
    assert delivery.failed == 0
    assert delivery.max is not None
    assert 0.1 < delivery.max < 1000
    assert "ms, taken out" in plain(shell.matchday("check").out)
    answer = json.loads(shell.matchday("check", "--json").out)
    assert [clock["shared"] for clock in answer["clocks"]].count(False) == 1
