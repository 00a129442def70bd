"""Servers start, answer, say why they do not, and are gone afterwards."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from reference_app.stack import LocalStack, StackError, binaries
from reference_app.stack.local import remove_stale_folders
from reference_app.stack.process import ServerProcess, free_port, http_answers, tcp_answers
from scenarios.load import load
from scenarios.stack_info import StackInfo


def listener(folder: Path, port: int, script: str = "") -> ServerProcess:
    """A server in three lines."""
    script = script or f"import socket; s = socket.create_server(('127.0.0.1', {port})); s.accept(); s.accept()"
    return ServerProcess("listener", [sys.executable, "-c", script], folder / "log", lambda: tcp_answers(port))


def test_every_station_runs_and_listens_on_loopback_only(stack_info: StackInfo) -> None:
    assert set(stack_info.stations) == {"mongod", "valkey", "aws", "app", "worker", "proxy"}
    for station in stack_info.stations.values():
        assert psutil.pid_exists(station.pids[0])
        # nginx's cache loader ends by itself after a minute.
        for pid in filter(psutil.pid_exists, station.pids):
            listening = [c for c in psutil.Process(pid).net_connections() if c.status == psutil.CONN_LISTEN]
            assert {c.laddr.ip for c in listening} <= {"127.0.0.1"}


def test_a_server_that_ends_says_why_with_the_end_of_its_log(tmp_path: Path) -> None:
    server = listener(tmp_path, 1, "print('first'); raise SystemExit('the disk is on fire')")
    server.start()
    with pytest.raises(StackError, match=r"listener ended before it was ready(.|\n)*the disk is on fire"):
        server.wait_ready()


def test_stopping_leaves_neither_process_nor_port(tmp_path: Path) -> None:
    port = free_port()
    server = listener(tmp_path, port)
    server.start()
    server.wait_ready()
    server.stop()
    assert not psutil.pid_exists(server.pid)
    with pytest.raises(OSError, match="refused"):
        tcp_answers(port)


def test_a_server_that_ignores_sigterm_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reference_app.stack.process.STOP_WITHIN_S", 0.2)
    port = free_port()
    deaf = (
        "import signal, socket; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        f"s = socket.create_server(('127.0.0.1', {port}));\nwhile True: s.accept()"
    )
    server = listener(tmp_path, port, deaf)
    server.start()
    server.wait_ready()
    server.stop()
    assert not psutil.pid_exists(server.pid)


def test_a_server_dies_with_its_parent_even_when_that_is_killed(tmp_path: Path) -> None:
    parent = (
        "import sys, time; from pathlib import Path;"
        "from tests.reference_app.stack.test_stack import listener, free_port;"
        f"port = free_port(); server = listener(Path({str(tmp_path)!r}), port); server.start(); server.wait_ready();"
        "print(server.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        child = psutil.Process(int(process.stdout.readline()))
        process.send_signal(signal.SIGKILL)
    # Returns at once when it is gone; raises when it is not.
    child.wait(timeout=10)


def test_a_missing_server_is_one_sentence_that_names_compose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "_candidates", lambda server: iter([Path("/bin/false"), Path("/nowhere/mongod")]))
    binaries.find.cache_clear()
    with pytest.raises(binaries.MissingServer) as caught:
        binaries.find("mongod")
    binaries.find.cache_clear()
    sentence = str(caught.value)
    assert "/bin/false does not run" in sentence
    assert "deploy/compose.yaml" in sentence


def test_a_program_on_path_comes_before_the_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "valkey-server"
    own.write_text("#!/bin/sh\necho v=9\n")
    own.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    binaries.find.cache_clear()
    assert binaries.find("valkey") == own
    binaries.find.cache_clear()


def test_a_url_in_the_environment_replaces_a_server(stack: LocalStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATCHDAY_MONGO_URL", stack.settings.mongo_url)
    monkeypatch.setenv("MATCHDAY_MONGO_DATABASE", "another")
    monkeypatch.setenv("MATCHDAY_REDIS_URL", stack.settings.redis_url)
    steps: list[str] = []
    with LocalStack(load("phase-1"), steps.append) as other:
        assert other.settings.mongo_url == stack.settings.mongo_url
        assert not {"mongod", "valkey"} & set(other.info.stations)
    assert not any("mongod" in step for step in steps)


def test_data_of_a_killed_stack_is_removed_and_of_a_running_one_kept(
    stack: LocalStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    dead, alive = tmp_path / f"matchday-{gone.pid}-x", tmp_path / f"matchday-{os.getpid()}-x"
    dead.mkdir()
    alive.mkdir()
    remove_stale_folders()
    assert not dead.exists()
    assert alive.exists()


def test_ports_are_free() -> None:
    with socket.create_server(("127.0.0.1", free_port())):
        pass


def test_apps_are_started_anew_on_their_port() -> None:
    with LocalStack(load("phase-1")) as stack:
        before = stack.info.stations
        stack.restart_apps()()
        after = stack.info.stations
        assert after["app"].pids != before["app"].pids
        assert after["mongod"] == before["mongod"]
        http_answers(f"{stack.host}/readyz")
