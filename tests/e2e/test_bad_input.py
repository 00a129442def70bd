"""Bad input gets a sentence and exit code 2, before anything is started."""

import subprocess
import sys
from pathlib import Path

import pytest

from reference_app.stack import LocalStack
from reference_app.stack.process import free_port
from scenarios.outcome import ExitCode
from tests.e2e.conftest import Shell, plain


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", "phase-9"], "There is no scenario 'phase-9'. There are: breakpoint, calibration, day, phase-1"),
        (
            ["run", "phase-1", "--set", "load.hold=3"],
            "load.hold: unknown key; allowed are: concurrent_users, deeds_per_s, hold_s",
        ),
        (["run", "phase-1", "--duration", "soon"], "'soon' is no time; write 90s, 5m or 1h"),
        (["run", "phase-1", "--users", "0"], "Input should be greater than or equal to 1"),
        (["run", "phase-1", "--stack", "nowhere.json"], "Cannot read the stack file nowhere.json: No such file"),
        (["check"], "There is no run record in runs/ yet; `matchday run phase-1` makes one"),
        (["check", "nowhere"], "There is no run record at nowhere"),
        (["report", "."], "run.json cannot be read: No such file or directory"),
        (["cost", "phase-9"], "There is no scenario 'phase-9'"),
        (["run", "phase-1", "--set", "load.hold_s=inf"], "load.hold_s: Input should be a finite number; got inf"),
        (["run", "phase-1", "--client", "nowhere.py"], "file 'nowhere.py' does not exist"),
        (["run", "phase-1", "--people", "nowhere.csv"], "file 'nowhere.csv' does not exist"),
        (["traffic", "phase-1", "--set", "traffic.session_s.mean_s=0.01"], "greater than or equal to 1; got 0.01"),
        (["search", "smoke", "--start", "60", "--most", "20"], "--start 60: the search tries no more than 20 people"),
        (["traffic", "phase-1", "--set", "population.users=10"], "100 people cannot be online at once among 10"),
        (["calibrate", "nowhere"], "There is no run record at nowhere"),
        (["predict", "--calibration", "no.json"], "no.json cannot be read: No such file or directory. `matchday run"),
        (["predict", "phase-1", "--users", "0"], "Input should be greater than or equal to 1"),
        (["verify", "phase-9"], "There is no scenario 'phase-9'"),
        (["dance"], "No such command 'dance'"),
    ],
)
def test_a_sentence_and_exit_code_2(shell: Shell, arguments: list[str], sentence: str) -> None:
    done = shell.matchday(*arguments)
    assert done.code == 2
    assert sentence in plain(done.err).replace("│ ", "")
    assert "Traceback" not in done.err + done.out


def test_every_error_of_a_scenario_at_once(shell: Shell) -> None:
    (shell.folder / "own.toml").write_text('title = 3\nphase = 7\n[load]\nusers = "x"\n')
    done = shell.matchday("run", "own.toml")
    assert done.code == 2
    for sentence in (
        "own.toml: title: Input should be a valid string; got 3.",
        "own.toml: phase: Input should be less than or equal to 3; got 7.",
        "own.toml: load.users: unknown key",
        "own.toml: load.ramp_s: is missing.",
        "own.toml: population: is missing.",
    ):
        assert sentence in done.err


@pytest.mark.parametrize("command", ["matchday", "locust"])
def test_a_host_that_does_not_answer_is_said_before_any_user_is_spawned(shell: Shell, command: str) -> None:
    host = f"http://127.0.0.1:{free_port()}"
    if command == "matchday":
        done = shell.matchday("run", "phase-1", "--host", host)
    else:
        done = shell.locust("--headless", "-H", host)
    assert done.code == 2
    assert f"{host} does not answer" in done.err
    assert "Traceback" not in done.err
    assert not shell.runs.exists() or list(shell.runs.iterdir()) == []


@pytest.mark.parametrize("wrong", [["--scenario", "phase-9"], []])
def test_workers_of_a_locust_that_does_not_start_go_with_it_and_repeat_nothing(shell: Shell, wrong: list[str]) -> None:
    host = f"http://127.0.0.1:{free_port()}"
    done = shell.locust("--headless", "-H", host, "--processes", "2", *wrong)
    assert done.code == 2
    assert done.err.count("There is no scenario 'phase-9'" if wrong else "does not answer") == 1
    # Their output ends when they do: left alone they would have said this a minute later.
    assert "heartbeat" not in done.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["-u", "0"], "-u 0: from 1 to 100,000 people can be asked for"),
        (["-u", "-5"], "-u -5: from 1 to 100,000 people can be asked for"),
        (["Chatter"], "where Chatter is named, name Dater, too"),
    ],
)
def test_what_nobody_can_be_asked_for_is_said(shell: Shell, arguments: list[str], sentence: str) -> None:
    done = shell.locust("--headless", "-H", f"http://127.0.0.1:{free_port()}", "-r", "1", "-t", "5s", *arguments)
    assert done.code == 2
    assert sentence in done.err
    assert "Traceback" not in done.err


def test_locust_without_a_host_says_how_to_name_one(shell: Shell) -> None:
    done = shell.locust("--headless")
    assert done.code == 2
    assert "Name the backend with -H" in done.err


def test_runs_that_cannot_be_written_are_said_before_the_load(shell: Shell, stack_file: Path) -> None:
    (shell.folder / "runs").write_text("a file is in the way")
    done = shell.matchday("run", "phase-1", "--stack", stack_file)
    assert done.code == 2
    assert "No run record can be written to runs/" in done.err


def test_a_backend_without_the_population_is_named(shell: Shell, stack_file: Path) -> None:
    # Only a few of these people are in its database.
    done = shell.matchday(
        *("run", "phase-1", "--stack", stack_file, "--set", "population.users=100000", "--users", "8"),
        *("--set", "load.ramp_s=1.0", "--duration", "30s"),
    )
    assert done.code == 2
    assert "This backend does not know the scenario's people" in done.err
    assert "Traceback" not in done.out + done.err


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("MATCHDAY_ENVIRONMENT", "staging", "The backend refuses its settings: environment 'staging'"),
        ("MATCHDAY_AWS_ENDPOINT_URL", "http://127.0.0.1:9", "A server that the environment names cannot be used"),
    ],
)
def test_a_wrong_environment_is_a_sentence(shell: Shell, variable: str, value: str, sentence: str) -> None:
    done = shell.matchday("run", "phase-1", **{variable: value})
    assert done.code == 2
    assert sentence in plain(done.err)
    assert "Traceback" not in done.err


def test_a_mistake_of_matchdays_own_is_no_missed_target() -> None:
    broken = "import cli; cli.app = lambda: [][0]; cli.main()"
    done = subprocess.run([sys.executable, "-c", broken], capture_output=True, text=True, check=False)
    assert done.returncode == ExitCode.USAGE
    assert "a mistake of its own, and no verdict: IndexError('list index out of range')" in done.stderr


def test_another_secret_than_the_backends_is_said_before_any_user_is_spawned(shell: Shell, stack: LocalStack) -> None:
    done = shell.matchday("run", "phase-1", "--host", stack.host, MATCHDAY_OTP_TEST_SECRET="a guess")
    assert done.code == 2
    assert "refuses the codes that its test sender should have sent" in plain(done.err)
    assert list(shell.runs.iterdir()) == []
