"""What a run's record says of a generator that ended before it closed it."""

import subprocess
import sys
from pathlib import Path

import pytest

from loadtests.launch import Launch
from loadtests.record import Record
from tests.loadtests.making import healthy, write


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        ("pass", "the load generator ended (code 0) before it closed its record"),
        ("raise SystemExit(1)", "the load generator ended (code 1) before it closed its record"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", "the load generator was killed by signal 15"),
    ],
)
def test_a_record_that_was_left_open_says_how_its_generator_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: str, said: str
) -> None:
    def start(*_: object) -> subprocess.Popen[bytes]:
        write(tmp_path, 5, healthy, finish=False)
        return subprocess.Popen([sys.executable, "-c", ends], start_new_session=True)

    monkeypatch.setattr("loadtests.launch.start_child", start)
    list(Launch(tmp_path, [], None).follow())
    run = Record.read(tmp_path).run
    assert (run.status, run.status_reason) == ("crashed", said)
    assert run.latency_ms
