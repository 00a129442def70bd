"""A load test from the command line, and the commands that read its record."""

import json
import signal
import urllib.request
from pathlib import Path
from statistics import median

import pytest

from loadtests.journal import read as read_journal
from loadtests.record import Record
from loadtests.users.emergent import behaviour
from reference_app.stack.process import free_port
from scenarios.load import load, load_published
from scenarios.people import Sex, person_id_of, sex_of
from scenarios.schema import Scenario
from tests.conftest import PLAYED
from tests.e2e.conftest import BUSY, CLOSED, POPULATION, SHORT, SOON, Done, Shell, plain
from tests.waiting import wait_for


@pytest.fixture(scope="module")
def finished(stack_file: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Shell, Done]:
    """One short run that the tests of this file look at."""
    shell = Shell(tmp_path_factory.mktemp("finished"))
    return shell, shell.matchday("run", "phase-1", "--stack", stack_file, *POPULATION, *SHORT, "--duration", "8s")


def test_a_run_says_its_verdict_and_where_record_and_report_are(finished: tuple[Shell, Done]) -> None:
    shell, done = finished
    # So short a run has too few samples: inconclusive is the honest answer.
    assert done.code == 3, done.out + done.err
    assert "Verdict: INCONCLUSIVE" in done.out
    assert f"Record: runs/{shell.record().name} (finished)" in done.out
    assert f"Report: runs/{shell.record().name}/report.html" in done.out


def test_the_record_holds_all_that_was_measured(finished: tuple[Shell, Done]) -> None:
    record = Record.read(finished[0].record())
    assert record.complete
    assert record.measured_seconds >= 6
    assert {"POST /swipes", "IMAGE photo", "WS message delivery", "GENERATOR loop drift"} <= set(record.names())
    # Everything that a station's machine can tell is there, second by second.
    for column in ("users", "sockets", "answered", "database_queries", "cache_hits", "cpu_cores_app", "queue_backlog"):
        assert len(record.measured_values(column)) >= record.measured_seconds - 2, column
    assert min(record.measured_values("reference_work_cpu_ms")) > 0
    # The pictures of each person's first cards; how many come later is chance.
    assert sum(value or 0 for value in record.series["bytes_received"]) > 16 * 20_000
    assert sum(record.measured_values("bytes_sent")) > 100
    assert set(record.measured_values("sockets")) == {16.0}
    assert sum(record.measured_values("failures")) == 0


def test_check_works_from_another_shell(finished: tuple[Shell, Done]) -> None:
    shell, _ = finished
    done = shell.matchday("check", "latest", "--json")
    answer = json.loads(done.out)
    assert done.code == 3
    assert answer["verdict"] == "inconclusive"
    assert [target["key"] for target in answer["targets"]][:2] == ["api_response_time", "profile_load"]
    assert {t["verdict"] for t in answer["targets"]} <= {"pass", "inconclusive", "skipped"}
    assert "API response time" in shell.matchday("check").out


def test_the_report_is_one_file_that_opens_offline(finished: tuple[Shell, Done]) -> None:
    shell, _ = finished
    (shell.record() / "report.html").unlink()
    done = shell.matchday("report")
    page = (shell.folder / done.out.strip()).read_text()
    assert done.code == 0
    for loaded in ("src=", "href=", "@import", "url(http"):
        assert loaded not in page.replace('xlink:href="#', "").replace(' href="#', "")
    assert page.index("inconclusive") < page.index("Targets") < page.index("Percentiles") < page.index("Costs")


def test_a_target_that_is_missed_fails_the_run(shell: Shell, stack_file: Path) -> None:
    strict = ["--set", "targets.targets.uptime.limit=101.0"]
    done = shell.matchday("run", "phase-1", "--stack", stack_file, *POPULATION, *SHORT, *strict, "--duration", "4s")
    assert done.code == 1, done.out
    assert "Verdict: FAIL" in done.out
    assert shell.matchday("check").code == 1


@pytest.mark.parametrize("processes", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_plain_locust_leaves_the_same_record(shell: Shell, stack_file: Path, processes: str) -> None:
    done = shell.locust(
        *("--stack", stack_file, "--headless", "-u", "16", "-r", "16", "-t", "8s"),
        *POPULATION,
        *CLOSED,
        *("--set", "load.warm_up_s=1.0"),
        *(("--processes", processes) if processes != "1" else ()),
    )
    assert done.code == 0, done.err
    record = Record.read(shell.record())
    assert record.complete
    assert sum(latency.count for latency in record.latencies().values()) > 50
    assert set(record.measured_values("sockets")) == {16.0}


def test_locusts_config_file_and_tags_work(shell: Shell, stack_file: Path) -> None:
    (shell.folder / "load.conf").write_text(f"headless = true\nstack = {stack_file}\nusers = 16\nspawn-rate = 16\n")
    quick = ["--set", "traffic.card_dwell.male.mean_s=0.5", "--set", "traffic.card_dwell.female.mean_s=0.5"]
    argv = ["--config", "load.conf", *POPULATION, *CLOSED, *quick, "--set", "load.warm_up_s=1.0"]
    done = shell.locust(*argv, "--tags", "swipe", "-t", "8s")
    assert done.code == 0, done.err
    names = Record.read(shell.record()).names()
    assert "POST /swipes" in names
    assert "WS message delivery" not in names  # nobody is half of a couple
    done = shell.locust(*argv, "--exclude-tags", "swipes", "-t", "8s")
    assert done.code == 2
    assert "No task has the tag 'swipes'; there are couples, edit_bio, list_matches" in done.err


def test_locusts_run_time_is_a_bound_and_who_is_not_named_does_not_come(shell: Shell, stack_file: Path) -> None:
    argv = ["--headless", "-u", "30", "-r", "1", "-t", "5s", "Dater"]
    done = shell.locust("--stack", stack_file, *POPULATION, *argv)
    assert done.code == 0, done.err
    assert "The time (-t 5 s) is over before all 30 people have come: 5 do." in done.err
    run = Record.read(shell.record()).run
    assert run.scenario.load.concurrent_users == 5
    assert run.duration_asked_s == pytest.approx(5.0, abs=0.01)
    assert "Traceback" not in done.err


def test_the_web_ui_leaves_a_record_too(shell: Shell, stack_file: Path) -> None:
    done = shell.locust(
        *("--stack", stack_file, "--autostart", "--autoquit", "0", "-u", "8", "-r", "8", "-t", "4s"),
        *("--web-host", "127.0.0.1", "--web-port", "0"),
        *POPULATION,
    )
    assert done.code == 0, done.err
    assert Record.read(shell.record()).complete


def test_the_web_ui_shows_the_targets(shell: Shell, stack_file: Path) -> None:
    port = str(free_port())
    argv: list[str | Path] = ["run", "phase-1", "--stack", stack_file, *POPULATION, *SHORT]
    argv += ["--duration", "20s", "--ui", "--ui-port", port]
    with shell.started(*argv) as process:
        page = f"http://127.0.0.1:{port}"
        wait_for(lambda: listed(page), "targets")
        for users in ("0", "-5", "many"):
            asked = f"user_count={users}&spawn_rate=1".encode()
            refused = json.load(urllib.request.urlopen(f"{page}/swarm", asked, timeout=5))
            assert not refused["success"]
            assert "Number of users: " in refused["message"]
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert Record.read(shell.record()).run.status in ("interrupted", "finished")


def listed(page: str) -> bool:
    """Whether the page has a tab for targets, and the figures it asks for have one that is kept."""
    try:
        html = urllib.request.urlopen(page, timeout=2).read().decode()
        stats = json.load(urllib.request.urlopen(f"{page}/stats/requests", timeout=2))
    except (OSError, ValueError):
        return False
    assert '"extendedTabs"' in html
    (targets,) = stats["extended_stats"]
    assert [row["title"] for row in targets["data"]][:1] == ["API response time, p99.99"]
    return any(row["state"] in ("kept", "too few samples") and row["count"] > 5 for row in targets["data"])


@pytest.mark.slow
def test_several_processes_make_one_record(shell: Shell, stack_file: Path) -> None:
    two = ["--processes", "2", "--duration", "6s"]
    done = shell.matchday("run", "phase-1", "--stack", stack_file, *POPULATION, *SHORT, *two)
    assert done.code == 3, done.out + done.err
    record = Record.read(shell.record())
    assert record.complete
    assert set(record.measured_values("sockets")) == {16.0}


@pytest.mark.parametrize("processes", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_sessions_come_and_go_and_keep_the_backend_as_full_as_asked(
    shell: Shell, stack_file: Path, processes: str
) -> None:
    # A session every second, so that eight seconds see people come and go.
    brief = ["--set", "traffic.session_s.mean_s=16.0", "--set", "traffic.session_s.sd_s=8.0"]
    brief += ["--set", "traffic.sign_in_share.value=1"]
    brief += ["--users", "16", "--processes", processes, "--duration", "12s"]
    done = shell.matchday("run", "phase-1", "--stack", stack_file, *POPULATION, *SOON, *BUSY, *brief)
    record = Record.read(shell.record())
    assert record.complete, done.err
    users = record.measured_values("users")
    assert 15 <= median(users) <= 19
    assert len(set(users)) > 1
    assert record.latency(["POST /auth/session"]).get_total_count() > 0
    assert sum(record.all_values("failures")) == 0


@pytest.mark.slow
def test_open_arrivals_send_deeds_at_the_rate_and_time_them_from_when_they_were_due(
    shell: Shell, stack_file: Path
) -> None:
    rate = ["--set", "load.model=arrivals", "--set", "load.deeds_per_s=20", "--users", "16", "--duration", "10s"]
    done = shell.matchday("run", "phase-1", "--stack", stack_file, *POPULATION, *SOON, *BUSY, *rate)
    record = Record.read(shell.record())
    assert record.complete, done.err
    deeds = record.latency(["POST /swipes", "GET /matches", "PUT /me/location", "PATCH /me", "POST /photos"])
    # Nine deeds of ten are swipes; nine seconds are measured. Five standard deviations of a Poisson count.
    assert abs(deeds.get_total_count() - 20 * 9) < 5 * 180**0.5
    assert record.latency(["SERVICE *"]).get_total_count() > 100
    assert sum(record.measured_values("dropped")) == 0


@pytest.mark.slow
def test_stages_are_followed(shell: Shell, stack_file: Path) -> None:
    stages = "load.stages=[{share=0.25,part=1},{share=1.0,part=1},{share=0.5,part=1}]"
    staged = ["--set", stages, "--users", "16", "--duration", "15s"]
    done = shell.matchday("run", "phase-1", "--stack", stack_file, *POPULATION, *SOON, *BUSY, *CLOSED, *staged)
    record = Record.read(shell.record())
    assert record.complete, done.err
    users = record.all_values("users")
    # In the middle of each stage: Locust looks once a second.
    assert [users[second] for second in (3, 8, 13)] == [4, 16, 8]


def test_cost_needs_nothing_running(shell: Shell) -> None:
    done = shell.matchday("cost", "--json")
    answer = json.loads(done.out)
    assert done.code == 0
    assert answer["ten_thousand"]["line_items_usd_per_month"] == 1755
    assert answer["ten_thousand"]["grand_total_usd_per_month"] == [33256, 33400]
    assert [phase["total"]["plan"] for phase in answer["phases"]] == [318.19, 1011.66, 1880]
    text = plain(shell.matchday("cost").out)
    for amount in ("$1,755", "$2,000–2,500", "$1,880–2,000", "$2,256–2,400", "$31,000", "$33,256–33,400"):
        assert amount in text


@pytest.mark.slow
def test_people_do_on_a_network_what_they_do_in_the_imagined_town(
    shell: Shell, stack_file: Path, scenario: Scenario
) -> None:
    """A minute of 60 people, men and women: each frequent request about as often as `matchday traffic` says."""
    people, journal = 60, shell.folder / "journal"
    settings = [*POPULATION, "--set", "traffic.couples.value=0", "--set", "load.warm_up_s=1.0"]
    sixty: list[str | Path] = ["--headless", "-u", str(people), "-r", str(people), "-t", "60s", "--journal", journal]
    done = shell.locust("--stack", stack_file, *sixty, *settings)
    assert done.code == 0, done.err
    record = Record.read(shell.record())
    # In a town that is large enough for an hour of it: there they have not all seen each other.
    imagined = behaviour(load("phase-1"), load_published())
    for name in ("POST /swipes", "IMAGE photo", "GET /profiles/{id}", "GET /discovery"):
        expected = imagined.requests_a_minute[name] * people * record.measured_seconds / 60
        # Five standard deviations of a count, and sessions that differ.
        assert record.latency([name]).get_total_count() == pytest.approx(expected, rel=0.1, abs=5 * expected**0.5), name
    swipes = [note for note in read_journal(journal) if note["what"] == "swipe"]
    women = {person_id_of(index, scenario.population.seed) for index in range(PLAYED) if sex_of(index) is Sex.FEMALE}
    assert 0.1 < sum(swipe["swiper"] in women for swipe in swipes) / len(swipes) < 0.45
