"""A backend with another API is rehearsed through one file, with test users from another."""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadtests.record import Record
from reference_app.stack.process import free_port
from scenarios.children import end_with_parent
from tests.e2e.conftest import BUSY, SOON, Shell, plain
from tests.waiting import wait_for

SPARKS = Path("examples/sparks").absolute()
OPTIONS: list[str | Path] = ["--client", SPARKS / "client.py", "--people", SPARKS / "people.csv"]


@pytest.fixture(scope="module")
def sparks() -> Iterator[str]:
    host = f"http://127.0.0.1:{(port := free_port())}"
    argv = [sys.executable, str(SPARKS / "backend.py"), str(port)]
    with subprocess.Popen(argv, preexec_fn=end_with_parent) as process:
        try:
            wait_for(lambda: listens(host), "the backend")
            yield host
        finally:
            process.terminate()


def listens(host: str) -> bool:
    try:
        urllib.request.urlopen(host, timeout=1).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def test_people_do_there_what_they_do_anywhere(shell: Shell, sparks: str) -> None:
    done = shell.matchday("run", SPARKS / "sparks.toml", "--host", sparks, *OPTIONS, *SOON, *BUSY, "--duration", "12s")
    record = Record.read(shell.record())
    assert record.complete, done.err
    asked = {"POST /login", "GET /next", "PUT /rate/{uid}", "IMAGE photo", "GET /pairs", "GET /people/{uid}"}
    assert asked <= set(record.latencies())
    assert sum(record.all_values("failures")) == 0
    messages = record.run.messages
    assert messages
    assert messages.delivered > 10
    assert (messages.lost, messages.duplicated, messages.reordered) == (0, 0, 0)
    assert record.latencies()["WS match detection"].count > 0


def test_a_backend_that_fails_is_spared(shell: Shell, sparks: str, tmp_path: Path) -> None:
    people = tmp_path / "strangers.csv"
    people.write_text("user,secret\n" + "".join(f"nobody{number},x\n" for number in range(40)))
    rules = ["--set", "abort.failed_percent=90", "--set", "abort.for_s=3", "--duration", "10m"]
    options: list[str | Path] = ["--client", SPARKS / "client.py", "--people", people, *BUSY, *rules]
    done = shell.matchday("run", SPARKS / "sparks.toml", "--host", sparks, *options)
    record = Record.read(shell.record())
    assert record.run.status == "interrupted"
    assert "aborted: 100% of the requests failed in 3 s (abort.failed_percent = 90)" in record.run.status_reason
    assert done.code != 0


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "it needs a class Client that is a subclass of loadtests.client.Api"),
        ("import nowhere", "ModuleNotFoundError: No module named 'nowhere'"),
        (
            "from loadtests.client import Api as Client\nSocket = int",
            "Socket must be a subclass of loadtests.wire.Frames",
        ),
    ],
)
def test_a_client_that_is_none_is_said_before_any_load(
    shell: Shell, sparks: str, tmp_path: Path, text: str, sentence: str
) -> None:
    (tmp_path / "mine.py").write_text(text)
    done = shell.matchday("run", "smoke", "--host", sparks, "--client", tmp_path / "mine.py")
    assert done.code == 2
    assert sentence in plain(done.err)


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_client_that_lets_nobody_in_is_named_and_no_verdict_is_given(
    shell: Shell, sparks: str, tmp_path: Path, processes: str
) -> None:
    (tmp_path / "mine.py").write_text(
        "from loadtests.client import Api\n"
        "class Client(Api):\n"
        "    def sign_in(self, user):\n"
        "        return user['nobody']\n"
    )
    argv: list[str | Path] = ["--host", sparks, "--client", tmp_path / "mine.py", "--processes", processes]
    done = shell.matchday("run", SPARKS / "sparks.toml", *argv)
    assert done.code == 2
    assert "Nobody could sign in: KeyError: 'nobody' (mine.py, line 4)." in plain(done.err)
    assert "Verdict" not in done.out


def test_what_a_client_raises_later_is_a_failure_that_the_verdict_sees(
    shell: Shell, sparks: str, tmp_path: Path
) -> None:
    source = (SPARKS / "client.py").read_text()
    broken = "class Client(Broken):\n    def swipe(self, *args, **more):\n        return [][0]\n"
    (tmp_path / "mine.py").write_text(source.replace("class Client(", "class Broken(") + "\n\n" + broken)
    argv: list[str | Path] = ["--client", tmp_path / "mine.py", "--people", SPARKS / "people.csv", *SOON, *BUSY]
    done = shell.matchday("run", SPARKS / "sparks.toml", "--host", sparks, *argv, "--duration", "6s")
    record = Record.read(shell.record())
    assert "PERSON IndexError" in record.names()
    assert sum(record.all_values("failures")) > 0
    assert done.code != 0


def test_a_search_asks_for_no_more_people_than_the_file_names(shell: Shell, sparks: str) -> None:
    done = shell.matchday("search", SPARKS / "sparks.toml", "--host", sparks, *OPTIONS, "--most", "150")
    assert done.code == 2
    assert "people.csv has 200 people, enough for 133 at a time. Name more there." in plain(done.err)


@pytest.mark.slow
def test_a_search_tries_until_it_knows_how_many_fit(shell: Shell, sparks: str) -> None:
    brief = [*SOON, *BUSY, "--start", "8", "--most", "50", "--hold", "6s"]
    done = shell.matchday("search", SPARKS / "sparks.toml", "--host", sparks, *OPTIONS, *brief, "--json")
    found = json.loads(done.out)
    # Eight people make too few requests to judge anything: it goes on with more.
    assert found["steps"][0]["few"], done.err
    assert (found["steps"][-1]["people"], found["steps"][-1]["held"]) == (50, True), done.err
    assert (found["middle"], found["high"], found["settled"]) == (50, None, False)
    assert "no target broke; try more with --most" in found["unsettled_why"]
    assert json.loads((shell.record() / "search.json").read_text()) == found
