"""The workflow files name commands and options that exist; every command has its page."""

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest
import yaml
from typer.main import get_command
from typer.testing import CliRunner

from cli import app

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
    assert any(line.lstrip().startswith(DUEL) for line in lines)
    used = [command for line in (*lines, *(ROOT / DUEL).read_text().splitlines()) for command in commands(line)]
    assert {name for name, _ in used} == {"gate", "duel", "up", "baseline update"}
    for name, given in used:
        assert given <= options(name), (file, name)


def test_the_first_release_has_nothing_to_duel_with(tmp_path: Path) -> None:
    commit = ["-c", "user.name=a", "-c", "user.email=a@localhost", "commit", "--quiet", "--allow-empty", "-m", "a"]
    for command in (["init", "--quiet"], commit, commit, ["tag", "nightly", "HEAD^"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    done = subprocess.run(["bash", ROOT / DUEL], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "No release before this one" in done.stdout


def test_every_command_has_a_page() -> None:
    pages = {page.stem for page in (ROOT / "docs/commands").iterdir()}
    assert pages == set(get_command(app).commands)  # type: ignore[attr-defined]  # a group has commands
