"""The workflow files name commands and options that exist; every command has its page."""

import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import yaml
from typer.main import get_command
from typer.testing import CliRunner

from cli import app
from scenarios.outcome import ExitCode

ROOT = Path(__file__).parents[1]
FILES = ["deploy/ci/github-actions.yml", "deploy/ci/gitlab-ci.yml"]
DUEL = "deploy/ci/duel-with-last-release.sh"


def scripts(value: object) -> list[str]:
    """Every shell line of a workflow file."""
    match value:
        case dict():
            shell = [line for key in ("run", "script", "before_script") for line in scripts(value.get(key, []))]
            rest = (inner for key, inner in value.items() if key not in ("run", "script", "before_script"))
            return shell + [line for inner in rest if isinstance(inner, dict | list) for line in scripts(inner)]
        case list():
            return [line for inner in value for line in scripts(inner)]
        case str():
            return value.splitlines()
    return []


@cache
def options(command: str) -> set[str]:
    """The options of a command, as its help shows them."""
    shown = CliRunner().invoke(app, [*command.split(), "--help"], env={"COLUMNS": "200", "TERM": "dumb"})
    assert shown.exit_code == 0, command
    return set(re.findall(r"--[a-z-]+", shown.output))


def commands(text: str) -> list[tuple[str, set[str]]]:
    """(command, options) of every `matchday ...` in a line."""
    found = []
    for part in re.findall(r"matchday ((?:baseline )?[a-z]+)([^|;)&\"]*(?:\"[^\"]*\"[^|;)&\"]*)*)", text):
        found.append((part[0], set(re.findall(r"(?<=\s)--[a-z-]+", part[1]))))
    return found


@pytest.mark.parametrize("file", FILES)
def test_every_command_and_option_exists(file: str) -> None:
    lines = scripts(yaml.safe_load((ROOT / file).read_text()))
    assert any(DUEL in line for line in lines)
    used = [command for line in (*lines, *(ROOT / DUEL).read_text().splitlines()) for command in commands(line)]
    assert {name for name, _ in used} == {"gate", "duel", "up", "baseline update"}
    for name, given in used:
        assert given <= options(name), (file, name)


@pytest.mark.parametrize(
    ("file", "options"),
    [
        (FILES[0], ["vendor.github-workflows"]),
        (FILES[1], ["vendor.gitlab-ci", "--data-transform", "gitlab-ci"]),
    ],
)
def test_the_workflow_files_fit_the_schemas_of_their_servers(file: str, options: list[str]) -> None:
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", *options, file]
    done = subprocess.run(check, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def git(folder: Path, *arguments: str | Path) -> str:
    me = ("-c", "user.name=a", "-c", "user.email=a@localhost")
    done = subprocess.run(["git", *me, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.fixture
def releases(tmp_path: Path) -> Path:
    """A repository with the releases v1 and v2, a nightly build, and a version that is not released."""
    folder = tmp_path / "releases"
    folder.mkdir()
    git(folder, "init", "--quiet")
    for tag in ("v1", "v2", "nightly", "v3-rc"):
        git(folder, "commit", "--quiet", "--allow-empty", "-m", tag)
        git(folder, "tag", tag)
    return folder


def duel(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the duel's script. These repositories have no Makefile: it ends where the last release would be installed."""
    environment = {name: value for name, value in os.environ.items() if name != "GITHUB_STEP_SUMMARY"} | variables
    return subprocess.run(
        ["bash", ROOT / DUEL], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_the_first_release_has_nothing_to_duel_with(releases: Path) -> None:
    git(releases, "tag", "--delete", "v1", "v2")
    summary = releases / "summary.md"
    done = duel(releases, GITHUB_STEP_SUMMARY=str(summary))
    assert (done.returncode, done.stderr) == (0, "")
    assert "No release before this one" in done.stdout
    assert summary.read_text() == done.stdout


@pytest.mark.parametrize(
    ("passed", "asked", "last"),
    [
        ("", "", "v2"),
        ("v1", "", "v1"),  # the second one was tagged, and did not pass
        ("v1\nv2", "", "v2"),
        ("v1\nv2\nv3-rc", "", "v2"),  # this version, once more
        ("v1", "nightly", "nightly"),
    ],
)
def test_a_release_is_compared_with_the_last_that_passed(releases: Path, passed: str, asked: str, last: str) -> None:
    if passed:
        (releases / "history").mkdir()
        (releases / "history/passed").write_text(f"{passed}\n")
    done = duel(releases, BASELINE_REF=asked)
    assert done.stdout.splitlines()[0] == f"Against {last}"
    assert done.returncode == ExitCode.USAGE


def test_a_clone_without_history_is_no_first_release(releases: Path) -> None:
    shallow = releases.parent / "shallow"
    git(releases, "clone", "--quiet", "--depth", "1", releases.as_uri(), shallow)
    done = duel(shallow)
    assert done.returncode == ExitCode.USAGE
    assert "fetch the whole history" in done.stderr


def test_a_duel_is_left_out_when_asked(releases: Path) -> None:
    assert duel(releases, BASELINE_REF="none").returncode == 0


def test_githubs_history_grows_on_its_branch(releases: Path) -> None:
    """The steps that read and keep it: a second release goes on from the first, and the first cannot undo it."""
    jobs = yaml.safe_load((ROOT / FILES[0]).read_text())["jobs"]
    steps = {
        step["name"]: step["run"] for job in ("release", "history") for step in jobs[job]["steps"] if "run" in step
    }
    server = releases.parent / "server.git"
    git(releases, "clone", "--quiet", "--bare", releases, server)

    def run(step: str, tag: str) -> int:
        environment = os.environ | {"GITHUB_REF_NAME": tag}
        return subprocess.run(
            ["bash", "-e", "-c", steps[step]], cwd=releases.parent / tag, env=environment, check=False
        ).returncode

    for tag in ("v1", "v2"):
        git(releases, "clone", "--quiet", server, releases.parent / tag)
        assert run("History of the releases before", tag) == 0
        history = releases.parent / tag / "history"
        for old in history.iterdir():
            old.unlink()
        (history / f"run-of-{tag}").write_text("run")
        assert run("Keep the history", tag) == 0
    assert run("Keep the history", "v1") == 1
    assert git(server, "ls-tree", "-r", "--name-only", "matchday-history").split() == ["run-of-v2"]
    assert git(server, "log", "--format=%s", "matchday-history").split() == ["v2", "v1"]


def test_every_command_has_a_page() -> None:
    pages = {page.stem for page in (ROOT / "docs/commands").iterdir()}
    assert pages == set(get_command(app).commands)  # type: ignore[attr-defined]  # a group has commands
