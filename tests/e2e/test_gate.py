"""The gate as CI runs it: every exit code through the real command."""

import json
import shutil
import signal
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from loadtests.record import LATENCY_FILE, RUN_FILE, SERIES_FILE, Record
from scenarios.outcome import ExitCode
from scenarios.stack_info import StackInfo
from tests.e2e.conftest import BUSY, POPULATION, SHORT, SOON, Done, Shell, plain
from tests.loadtests.making import HEALTHY, Second, healthy, write
from tests.waiting import wait_for


def busy(number: int, swipe_ms: float = 10.0) -> Second:
    second = healthy(number)
    ok = {name: [*values] * 3 for name, values in second.ok.items()}
    return replace(second, ok={**ok, "POST /swipes": [swipe_ms] * 30})


def taking(swipe_ms: float) -> Callable[[int], Second]:
    return lambda number: busy(number, swipe_ms)


def without_images(second: Second) -> dict[str, Sequence[float]]:
    return {name: values for name, values in second.ok.items() if name != "IMAGE photo"}


Change = Callable[[int], Second]
RUNS: dict[str, Change] = {
    "good": busy,
    "slow": lambda n: busy(n, 300.0),
    "unsure": lambda n: replace(busy(n), ok={**busy(n).ok, "WS match detection": [15.0] if n % 2 else []}),
    "overloaded": lambda n: replace(busy(n), columns={**HEALTHY, "generator_cpu_percent": 99.0}),
    "untracked": lambda n: replace(busy(n), ok=without_images(busy(n))),
    "dead": lambda n: Second(failed={"POST /swipes": [1.0] * 10}, columns=HEALTHY),
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records by name, and twelve alike of a baseline and of a candidate that got slower by a fifth."""
    folder = tmp_path_factory.mktemp("runs")
    for name, change in RUNS.items():
        write(folder / name, 40, change)
    for number in range(6):
        jitter = 1 + 0.01 * (number * 7 % 5)
        write(folder / "baseline" / f"b{number}", 20, taking(30 * jitter))
        write(folder / f"same{number}", 20, taking(30.1 * jitter))
        write(folder / f"slower{number}", 20, taking(36 * jitter))
    return folder


def matchday(runs: Path, *arguments: str | Path) -> Done:
    """The real command, with these runs, where no noise floor is known."""
    return Shell(runs.parent).matchday(*arguments, "--runs", runs)


@pytest.mark.parametrize(
    ("run", "code", "says"),
    [
        ("good", ExitCode.PASS, "Gate: PASS"),
        ("slow", ExitCode.FAIL, "API response time: 300 ms, at most 200 ms wanted"),
        ("unsure", ExitCode.INCONCLUSIVE, "p95 needs 72 to be sure of"),
        ("overloaded", ExitCode.INVALID, "--processes"),
        ("untracked", ExitCode.USAGE, "nothing measured it in this run"),
    ],
)
def test_every_verdict_has_its_exit_code(runs: Path, run: str, code: ExitCode, says: str) -> None:
    done = matchday(runs, "gate", run)
    assert (done.code, done.err) == (code, "")
    assert says in plain(done.out)


def candidates(kind: str) -> list[str]:
    return [f"{kind}{number}" for number in range(6)]


@pytest.mark.parametrize(("kind", "code"), [("same", ExitCode.PASS), ("slower", ExitCode.FAIL)])
def test_runs_are_compared_with_a_baseline(runs: Path, tmp_path: Path, kind: str, code: ExitCode) -> None:
    out = tmp_path / "gate.json"
    done = matchday(
        runs, "gate", *candidates(kind), "--baseline", "baseline", "--json", str(out),
        "--junit", str(tmp_path / "j.xml"), "--html", str(tmp_path / "g.html"), "--comment", str(tmp_path / "c.md"),
    )  # fmt: skip
    assert done.code == code, done.out + done.err
    assert json.loads(out.read_text())["comparison"]["runs"] == [6, 6]
    assert {path.name for path in tmp_path.iterdir()} == {"gate.json", "j.xml", "g.html", "c.md"}


def test_what_follows_baseline_belongs_to_it(runs: Path) -> None:
    baseline = [f"baseline/b{number}" for number in range(6)]
    done = matchday(runs, "gate", *candidates("same"), "--baseline", *baseline, "--json", "-")
    assert json.loads(done.out)["comparison"]["runs"] == [6, 6]


def test_too_few_runs_are_inconclusive(runs: Path) -> None:
    done = matchday(runs, "gate", "slower0", "--baseline", "baseline")
    assert done.code == ExitCode.INCONCLUSIVE
    assert "can never be told from chance" in done.out


def test_invalid_runs_are_never_counted(runs: Path) -> None:
    done = matchday(runs, "gate", "overloaded", "--baseline", "baseline")
    assert done.code == ExitCode.INVALID
    assert "No run of the candidate can be counted" in done.out


def test_a_record_of_another_population_is_refused_unless_told(runs: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(runs / "same0", other)
    run = json.loads((other / RUN_FILE).read_text())
    run["scenario"]["population"]["users"] = 5000
    (other / RUN_FILE).write_text(json.dumps(run))
    names = [*candidates("same")[1:], str(other)]
    refused = matchday(runs, "gate", *names, "--baseline", "baseline")
    assert refused.code == ExitCode.USAGE
    assert "users 5000, not 1000" in refused.err
    told = matchday(runs, "gate", *names, "--baseline", "baseline", "--allow", "population")
    assert told.code == ExitCode.PASS, told.out


def damaged(folder: Path, damage: str) -> None:
    """Make a record what a bad disk or a stranger makes of it."""
    run, log, series = folder / RUN_FILE, folder / LATENCY_FILE, folder / SERIES_FILE
    match damage:
        case "missing":
            shutil.rmtree(folder)
        case "empty":
            run.write_text("")
        case "truncated":
            run.write_text(run.read_text()[:400])
        case "truncated series":
            series.write_text("".join(series.read_text().splitlines(keepends=True)[:25]))
        case "truncated log":
            log.write_bytes(log.read_bytes()[: log.stat().st_size // 2])
        case "newer":
            run.write_text(run.read_text().replace('"schema_version": 4', '"schema_version": 5', 1))


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        ("missing", "There is no run record at"),
        ("empty", "is empty"),
        ("truncated", "is cut off or no JSON"),
        ("truncated log", "is cut off"),
        ("truncated series", "s before the run did"),
        ("newer", "a newer one wrote it. Update Matchday"),
    ],
)
@pytest.mark.parametrize("side", ["run", "baseline"])
def test_a_damaged_record_is_a_sentence_and_no_pass(
    runs: Path, tmp_path: Path, damage: str, says: str, side: str
) -> None:
    bad = tmp_path / "bad"
    shutil.copytree(runs / "good", bad)
    damaged(bad, damage)
    names = [str(bad)] if side == "run" else ["good", "--baseline", str(bad)]
    done = matchday(runs, "gate", *names)
    assert (done.code, done.out) == (ExitCode.USAGE, "")
    assert says in done.err
    assert "Traceback" not in done.err


def test_a_record_without_a_success_is_a_sentence(runs: Path) -> None:
    done = matchday(runs, "gate", "dead")
    assert done.code == ExitCode.USAGE
    assert "Not one request of" in done.err


def test_a_baseline_without_the_endpoint_is_an_error(runs: Path, tmp_path: Path) -> None:
    without = tmp_path / "without"
    for number in range(6):
        write(without / str(number), 20, lambda n: replace(busy(n, 30), ok=without_images(busy(n, 30))))
    done = matchday(runs, "gate", *candidates("same"), "--baseline", str(without))
    assert done.code == ExitCode.USAGE
    assert "Image load: not one success in the baseline" in done.out


def test_a_baseline_is_kept_and_its_trend_shown(runs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "baselines"
    added = matchday(runs, "baseline", "update", "good", "same0", "same1", "--baseline", str(folder))
    assert (added.code, added.out) == (0, f"{folder}: 3 added, 0 removed.\n")
    refused = matchday(runs, "baseline", "update", "slow", "--baseline", str(folder))
    assert refused.code == ExitCode.USAGE
    assert "The baseline stays as it is" in refused.err
    shown = matchday(runs, "gate", "good", "--history", str(folder), "--json", "-")
    trends = {trend["key"]: trend for trend in json.loads(shown.out)["trends"]}
    assert len(trends["api_response_time"]["values_ms"]) == 3


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["good", "--host", "http://127.0.0.1:1"], "are for --until-sure"),
        (["good", "--budget", "1h"], "are for --until-sure"),
        (["good", "--until-sure"], "takes one scenario"),
        (["smoke", "--until-sure", "--baseline", "baseline"], "leave --baseline out"),
        (["good", "--allow", "machine"], "--allow is for --baseline and --history"),
        (["--baseline", "baseline"], "Which runs are compared with the baseline?"),
        (["good", "--baseline", ""], "A RUN is empty"),
        (["good", "good"], "The same run is there more than once"),
        (["good", "--baseline", "baseline", "--allow", "weather"], "--allow takes scenario"),
    ],
)
def test_wrong_usage_is_a_sentence(runs: Path, arguments: list[str], says: str) -> None:
    done = matchday(runs, "gate", *arguments)
    assert done.code == ExitCode.USAGE
    assert says in done.err


# The few people and seconds of the other tests, two pairs of them.
QUICK = [*POPULATION, *SHORT[: SHORT.index("--users")], *SHORT[SHORT.index("--users") + 2 :]]
QUICK += [
    "--set",
    "load.concurrent_users=16",
    "--set",
    "load.hold_s=6",
    "--set",
    "traffic.couples.value=0",
    "--pairs",
    "2",
]
# In a hurry, or two seconds are too short for a percentile.
QUICK += [part for sex in ("male", "female") for part in ("--set", f"traffic.card_dwell.{sex}.mean_s=0.5")]


def test_a_duel_runs_both_sides_and_keeps_their_records(shell: Shell, stack_file: Path) -> None:
    done = shell.matchday("duel", *QUICK, "--baseline", stack_file, "--candidate", stack_file, "--json", "gate.json")
    assert done.code == ExitCode.INCONCLUSIVE, done.out + done.err
    assert "2 pairs; 8 are needed to tell anything" in done.out
    assert "Pair 2 of at most 2: API response time, p" in done.err
    (folder,) = shell.runs.iterdir()
    kept = {path.name for path in folder.iterdir()}
    assert kept == {"01-baseline", "01-candidate", "02-baseline", "02-candidate", "report.html"}
    found = json.loads((shell.folder / "gate.json").read_text())
    assert (found["kind"], found["comparison"]["runs"]) == ("duel", [2, 2])


@pytest.mark.slow
def test_one_backend_against_itself_gives_the_noise_floor(shell: Shell, stack_file: Path) -> None:
    two_will_do = ["--set", "targets.gate.false_alarms_share=0.25"]
    done = shell.matchday("duel", *QUICK, *two_will_do, "--same", "--baseline", stack_file)
    assert done.code == ExitCode.PASS, done.out + done.err
    assert "Noise floor of this machine, 2 pairs of one backend" in done.out
    (floor,) = json.loads((shell.runs / "noise.json").read_text())
    assert floor["pairs"] == 2
    assert floor["of_a_pair"]["api_response_time"] > 0


def test_until_sure_ends_the_run_as_soon_as_it_is_sure(shell: Shell, stack_file: Path) -> None:
    # Ten seconds of an hour are enough to know that 16 people are not 60.
    few = ["--set", "load.concurrent_users=16", "--set", "targets.targets.concurrent_users.limit=5000"]
    settings = [*POPULATION, *SOON, *BUSY, *few]
    done = shell.matchday("gate", "smoke", "--until-sure", "--budget", "1h", "--stack", stack_file, *settings)
    assert done.code == ExitCode.FAIL, done.out + done.err
    assert "Concurrent users" in plain(done.out)
    run = json.loads((shell.record() / RUN_FILE).read_text())
    assert (run["status"], run["status_reason"]) == ("finished", "")


def test_a_duel_with_nobody_there_is_a_sentence(shell: Shell) -> None:
    done = shell.matchday("duel", "--baseline", "http://127.0.0.1:1", "--candidate", "http://127.0.0.1:1")
    assert (done.code, "Traceback" in done.err) == (ExitCode.USAGE, False)
    assert "http://127.0.0.1:1 does not answer" in done.err


def test_backends_with_other_people_are_not_compared(shell: Shell) -> None:
    for name, users in (("old", 900), ("new", 1000)):
        info = StackInfo(host="http://127.0.0.1:1", population={"users": users, "seed": 1})
        info.write(shell.folder / f"{name}.json")
    done = shell.matchday("duel", "--baseline", "old.json", "--candidate", "new.json")
    assert done.code == ExitCode.USAGE
    assert "hold different people (population: users)" in done.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--same", "--candidate", "http://127.0.0.1:1"], "--same compares the baseline with itself"),
        (["--same", "--junit", "junit.xml"], "--same gives no verdict to write"),
        (["--junit", "."], "cannot be written: name a file"),
        (["--baseline", "http://a", "--baseline-set", "backend.decks=off"], "--baseline-set is for a stack started"),
        (["--budget", "4m"], "give --budget 6m"),
        (["--same", "--noise", "."], "cannot be kept in"),
    ],
)
def test_wrong_usage_of_a_duel_is_a_sentence(shell: Shell, arguments: list[str], says: str) -> None:
    done = shell.matchday("duel", *arguments)
    assert done.code == ExitCode.USAGE
    assert says in done.err


@pytest.mark.parametrize("command", [["gate", "smoke", "--until-sure", "--stack"], ["duel", "--same", "--baseline"]])
def test_ctrl_c_keeps_what_was_measured(shell: Shell, stack_file: Path, command: list[str]) -> None:
    people = [*POPULATION, "--set", "load.concurrent_users=16"]
    with shell.started(*command, stack_file, *people) as process:
        wait_for(lambda: list(shell.runs.rglob("series.csv")), "record")
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == ExitCode.INTERRUPTED, out
    assert "Traceback" not in out
    (record,) = (file.parent for file in shell.runs.rglob(RUN_FILE))
    assert Record.read(record).run.ended_at is not None
    assert list(shell.runs.rglob("*.stack.json")) == []  # they hold a secret
