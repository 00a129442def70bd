"""The planner's commands, as a planner runs them: no server, an answer, files, a gate."""

import csv
import json
import re
import subprocess
import sys

import pytest

from scenarios.load import PHASES
from scenarios.prices.price_list import SHIPPED
from tests.e2e.conftest import Shell, plain


def test_cost_prints_all_phases_weeks_and_the_plans_tables(shell: Shell) -> None:
    done = shell.matchday("cost")
    assert done.code == 0
    text = plain(done.out)
    for expected in (
        "$318.19",
        "$1,011.66",
        "$1,880.00",
        "inside its stated $300–500",
        "12 weeks, used as the plan counts",
        "What matters most",
        "Bound for longer",
        "$33,256–33,400",
        "+ Self-hosted MongoDB",
        "not verified",
    ):
        assert expected in text
    assert done.err == ""


def test_one_phase_shows_every_quantity_with_its_origin(shell: Shell) -> None:
    text = " ".join(plain(shell.matchday("cost", "phase-3").out).split())
    assert "plan: 3 server x $150 (seed)" in text
    assert "list: EC2 t3.medium, 2,190 hour (seed)" in text
    assert "need: Carrier fees" in text
    assert "price secondary)" in text


def test_a_scenario_of_ones_own_is_priced_and_compared(shell: Shell) -> None:
    (shell.folder / "own.toml").write_text('extends = "phase-2"\ntitle = "Ours"\n[population]\nusers = 8000\n')
    found = json.loads(shell.matchday("cost", "own.toml", "--json").out)
    assert found["phases"][0]["users"] == 8000
    done = shell.matchday("cost", "--diff", "phase-2", "own.toml")
    assert done.code == 0
    assert "phase-2 → own" in done.out
    assert "+" in done.out


def test_files_in_every_format(shell: Shell) -> None:
    done = shell.matchday("cost", "--format", "html,md,csv,json", "--out", "reports")
    assert done.code == 0
    names = {path.name for path in (shell.folder / "reports").iterdir()}
    assert len(names) == 4 * (1 + len(PHASES)) + 1
    text = (shell.folder / "reports" / "costs.csv").read_text()
    rows = list(csv.DictReader(text.splitlines()))
    assert {row["phase"] for row in rows} == set(PHASES)
    assert "<svg" in (shell.folder / "reports" / "costs.html").read_text()


def test_a_budget_is_a_gate(shell: Shell) -> None:
    def checked(usd: int, *more: str) -> tuple[int, str]:
        done = shell.matchday("cost", "phase-3", "--check", "--set", f"costs.monthly_budget_usd={usd}", *more)
        return done.code, plain(done.out)

    done = shell.matchday("cost", "phase-3", "--check", "--json", "--set", "costs.monthly_budget_usd=1000")
    assert done.code == 1
    assert json.loads(done.out)["phases"][0]["budget_usd_per_month"] == 1000
    code, text = checked(1000)
    assert code == 1
    assert "phase-3: need $1,604.28 is $604.28 over" in text
    assert "its budget of $1,000. The largest lines" in text
    assert "CDN (CloudFront): $1,000" in text
    assert checked(5000)[0] == 0
    assert checked(1880, "--amount", "plan")[0] == 0
    assert checked(1879, "--amount", "plan")[0] == 1


@pytest.mark.parametrize("users", [1_000, 10_000_000])
def test_plan_says_what_to_rent_and_why_nothing_cheaper(shell: Shell, users: int) -> None:
    done = shell.matchday("plan", "phase-3", "--users", str(users))
    assert done.code == 0
    for expected in (
        "cheapest",
        "runner-up",
        "phase-3's own",
        "Cheaper, and what it breaks",
        "Total",
        "With one app server lost",
    ):
        assert expected in done.out
    found = json.loads(shell.matchday("plan", "phase-3", "--users", str(users), "--json").out)
    assert found["users"] == users
    assert found["cheapest"]["breaks"] == ""


def test_a_target_that_nothing_holds_is_a_failure(shell: Shell) -> None:
    done = shell.matchday("plan", "phase-3", "--set", "targets.targets.api_response_time.limit=0.5")
    assert done.code == 1
    assert "hold every target" in done.err
    assert "Traceback" not in done.err


def test_prices_of_ones_own(shell: Shell) -> None:
    text = SHIPPED.read_text().replace("atlas.M10,0,0.08,", "atlas.M10,0,0.16,")
    (shell.folder / "prices.csv").write_text(text)
    found = json.loads(shell.matchday("cost", "phase-1", "--json").out)
    database = next(line for line in found["phases"][0]["lines"] if line["resource"] == "database")
    assert database["need_usd"] == pytest.approx(730 * 0.16)
    assert found["prices"]["file"] == "prices.csv"


def test_prices_list_and_check(shell: Shell) -> None:
    assert "ec2.t3.medium.od" in shell.matchday("prices", "list").out
    done = shell.matchday("prices", "check")
    assert done.code == 0
    assert "rows should be looked at again" in done.out
    assert shell.matchday("prices", "check", "--max-age-days", "30").code == 1
    assert json.loads(shell.matchday("prices", "check", "--json").out)[0]["why"]


def test_refresh_without_credentials_writes_nothing(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(shell.folder / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(shell.folder / "none"))
    done = shell.matchday("prices", "refresh")
    assert done.code == 2
    assert "pricing:GetProducts" in done.err
    assert not (shell.folder / "prices.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["cost", "--format", "pdf"], "--format takes html, md, csv, json, separated by commas; got 'pdf'."),
        (["cost", "--json", "--format", "md"], "--json prints, and --format json writes a file: take one of the two."),
        (["cost", "--check"], "--check needs a budget: write monthly_budget_usd below [costs]"),
        (["cost", "--diff", "phase-1"], "--diff compares two scenarios"),
        (["cost", "--diff", "phase-1", "phase-2", "--check"], "--diff compares two scenarios, and nothing else"),
        (["cost", "--usage", "heavy"], "--usage heavy: there are plan, tinder, light"),
        (["cost", "--prices", "no.csv"], "no.csv cannot be read: No such file or directory"),
        (["cost", "--calibration", "no.json"], "no.json cannot be read"),
        (["cost", "--run", "nowhere"], "There is no run record at nowhere"),
        (["cost", "phase-1", "smoke"], "weeks: 1 to 4 and 1 to 4 overlap"),
        (["plan", "phase-9"], "There is no scenario 'phase-9'"),
        (["plan", "phase-1", "--users", "0"], "should be greater than or equal to 1"),
    ],
)
def test_bad_input_is_a_sentence_and_exit_code_2(shell: Shell, arguments: list[str], sentence: str) -> None:
    done = shell.matchday(*arguments)
    assert done.code == 2
    assert sentence in " ".join(plain(done.err).replace("│", " ").split())
    assert "Traceback" not in done.err + done.out


def test_every_problem_of_every_file_at_once(shell: Shell) -> None:
    (shell.folder / "a.toml").write_text('extends = "phase-1"\n[population]\nusers = 0\n')
    line = '{ resource = "mainframe", item = "A", quantity = -1, unit = "", unit_usd = 1, basis = "seed", note = "" }'
    (shell.folder / "b.toml").write_text(f'extends = "phase-2"\n[costs]\ncurrency = "EUR"\nlines = [{line}]\n')
    done = shell.matchday("cost", "a.toml", "b.toml")
    assert done.code == 2
    for expected in (
        "a.toml: population.users",
        "b.toml: costs.currency",
        "b.toml: costs.lines.0.resource: there is no resource 'mainframe'",
        "b.toml: costs.lines.0.quantity",
        "b.toml: costs.lines.0.unit: a price needs a unit",
    ):
        assert expected in done.err


def test_no_command_of_a_planner_loads_a_server_or_a_generator(shell: Shell) -> None:
    """What a planner's machine need not start with."""
    script = (
        "import sys; sys.argv = ['matchday', 'cost', '--json']; import cli\n"
        "try:\n    cli.app()\nexcept SystemExit:\n    pass\n"
        "heavy = {'locust', 'gevent', 'fastapi', 'pymongo', 'motor', 'redis', 'numba', 'scipy', 'matplotlib'}\n"
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=shell.folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_who_reads_the_first_line_only_is_no_failure(shell: Shell) -> None:
    command = f"{sys.executable} -m cli cost | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], cwd=shell.folder, capture_output=True, text=True)
    assert done.returncode in (0, 128 + 13)  # all was written already, or SIGPIPE
    assert "Traceback" not in done.stderr


def test_reports_need_no_network(shell: Shell) -> None:
    done = shell.matchday("cost", "--format", "html", "--out", "pages")
    assert done.code == 0
    for path in (shell.folder / "pages").iterdir():
        assert not re.search(r'(src|href|url)\s*[=(]\s*"?http', path.read_text())
