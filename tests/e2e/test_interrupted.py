"""However a run ends, its record is readable and nothing is left behind."""

import json
import signal
from pathlib import Path

import psutil
import pytest

from loadtests.record import Record
from tests.e2e.conftest import POPULATION, SHORT, Shell, family, generator, plain, seconds_recorded
from tests.waiting import wait_for

LONG = [*POPULATION, *SHORT, "--duration", "10m"]
RECORDED_S = 4


def all_gone(processes: list[psutil.Process]) -> None:
    """Fails when one of them still lives after ten seconds."""
    _, alive = psutil.wait_procs(processes, timeout=10)
    assert [(process.status(), process.cmdline()) for process in alive] == []


@pytest.mark.parametrize(
    "number",
    [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)],
    ids=lambda number: number.name,
)
def test_a_signal_ends_stack_and_load_and_keeps_the_record(shell: Shell, number: signal.Signals) -> None:
    # A stack of its own: this is what `matchday demo` does, smaller.
    with shell.started("run", "phase-1", *LONG) as process:
        wait_for(lambda: seconds_recorded(shell.runs) >= RECORDED_S, "record")
        started = family(process)
        process.send_signal(number)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 130, out
    assert len(started) >= 8  # six servers, nginx's children, Locust and its watcher
    all_gone(started)
    record = Record.read(shell.record())
    assert record.run.status == "interrupted"
    assert sum(value or 0 for value in record.series["requests"]) > 0
    assert (record.folder / "report.html").is_file()
    assert "interrupted: stopped after" in plain(out)
    assert shell.matchday("check").code == 3


def test_ctrl_c_before_the_load_leaves_nothing(shell: Shell) -> None:
    with shell.started("run", "phase-1", *LONG) as process:
        wait_for(lambda: family(process), "server")
        started = family(process)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 130, out
    assert "Traceback" not in out
    all_gone(started)
    assert list(shell.runs.iterdir()) == []


def test_a_killed_generator_leaves_a_readable_record_and_an_invalid_run(shell: Shell, stack_file: Path) -> None:
    with shell.started("run", "phase-1", "--stack", str(stack_file), *LONG) as process:
        wait_for(lambda: seconds_recorded(shell.runs) >= RECORDED_S, "record")
        generator(process).kill()
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 4, out
    assert "killed by signal 9" in plain(out)
    record = Record.read(shell.record())
    assert record.run.status == "crashed"
    assert len(record.series["second"]) >= RECORDED_S
    assert record.intervals
    answer = shell.matchday("check", "--json")
    assert (answer.code, json.loads(answer.out)["verdict"]) == (4, "invalid")


@pytest.mark.slow
def test_when_matchday_itself_is_killed_nothing_survives_it(shell: Shell) -> None:
    with shell.started("run", "phase-1", *LONG) as process:
        wait_for(lambda: seconds_recorded(shell.runs) >= RECORDED_S, "record")
        started = family(process)
        process.kill()
        process.wait()
        all_gone(started)
    record = Record.read(shell.record())
    assert record.run.status in ("interrupted", "running")
    assert record.intervals


@pytest.mark.slow
def test_two_at_once_find_ports_of_their_own(shell: Shell) -> None:
    # Two stacks and two loads on two cores: whether each answers in every single second is not what is asked.
    short = [*POPULATION, *SHORT, "--set", "targets.targets.uptime.judged=false", "--duration", "8s"]
    with shell.started("run", "phase-1", *short) as one, shell.started("run", "phase-1", *short) as other:
        verdicts = [process.communicate(timeout=120)[0].partition("Verdict")[2][:300] for process in (one, other)]
    assert (one.returncode, other.returncode) == (3, 3), verdicts
    records = [Record.read(folder) for folder in shell.runs.iterdir()]
    assert len(records) == 2
    assert all(record.complete for record in records)
    assert len({record.run.host for record in records}) == 2
    for record in records:  # its own app has seen its own people, and nobody was turned away
        assert sum(record.measured_values("requests_app")) > 0
        assert sum(record.measured_values("failures")) == 0
