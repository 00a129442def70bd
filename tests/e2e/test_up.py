"""A stack of one's own: healthy, started anew on request, gone without a trace."""

import os
import signal
import urllib.request

from scenarios.outcome import ExitCode
from scenarios.stack_info import StackInfo
from tests.e2e.conftest import Shell, family
from tests.waiting import wait_for


def answers(info: StackInfo) -> bool:
    with urllib.request.urlopen(f"{info.host}/healthz", timeout=5) as answer:
        return bool(answer.status == 200)


def test_a_stack_is_there_until_it_is_told_to_go(shell: Shell) -> None:
    file = shell.folder / "stack.json"
    with shell.started("up", "--set", "population.users=120", "--stack-file", str(file)) as process:
        wait_for(file.exists, "stack file")
        before = StackInfo.read(file)
        assert answers(before)
        assert before.controller == process.pid
        process.send_signal(signal.SIGHUP)
        wait_for(lambda: StackInfo.read(file).restarts == 1, "restart")
        after = StackInfo.read(file)
        assert answers(after)
        assert after.stations["app"].pids != before.stations["app"].pids
        assert after.stations["mongod"].pids == before.stations["mongod"].pids
        servers = family(process)
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert f"{before.host}  healthy" in out
    assert not file.exists()
    assert not [server for server in servers if server.is_running()]
    assert list(shell.folder.iterdir()) == []


def test_a_server_that_dies_ends_it_with_a_sentence(shell: Shell) -> None:
    file = shell.folder / "stack.json"
    with shell.started("up", "--set", "population.users=120", "--stack-file", str(file)) as process:
        wait_for(file.exists, "stack file")
        (pid,) = StackInfo.read(file).stations["valkey"].pids
        os.kill(pid, signal.SIGKILL)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == ExitCode.USAGE, out
    assert "valkey" in out
    assert "Traceback" not in out
    assert not file.exists()
