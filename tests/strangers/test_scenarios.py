"""A scenario, prices, a calibration, a stack file from a stranger."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import psutil
import pytest
from botocore.exceptions import BotoCoreError

from capacity.calibration.file import CalibrationError, read
from loadtests.watching.aws import client
from scenarios.load import MEASURED
from scenarios.outcome import UsageError
from scenarios.stack_info import StackInfo
from tests.strangers.conftest import Command

EXTENDS = 'extends = "phase-1"\n'
LINE = '{item="x", quantity=1, unit="u", unit_usd="%s", basis="list", note="n"}'
ESCAPES = r"\u001b]52;c;ZXZpbA==\u0007\u001b[8m\u202e"

HOSTILE = {
    "hundreds of megabytes of zeros": ("cost", f"[costs]\nstated_usd_per_month=[0,1]\nlines=[{LINE % '1e-99999999'}]"),
    "a billion messages": ("traffic", "[traffic.conversations.messages_max]\nvalue=1e9\nsource='assumption'"),
    "nobody rests": ("traffic", "[traffic.elsewhere_dwell]\nmean_s=1e-9\nsd_s=1e-12\nsource='assumption'"),
    "sessions of any length": ("traffic", "[traffic.session_s]\nmean_s=600.0\nsd_s=1e300\nsource='assumption'"),
    "a million million servers": ("cost", "[infrastructure]\napps=1000000000000"),
    "a hundred thousand servers": ("predict --on plan", "[infrastructure]\napps=100000"),
    "a number of a hundred thousand digits": ("cost", f"[population]\nusers=0x{'f' * 100_000}"),
    "a title that is a number": ("cost", f"title=0x{'f' * 100_000}"),
    "a key of sixty thousand parts": ("cost", "a" + ".a" * 60_000 + "=1"),
    "a table of sixty thousand parts": ("cost", "[a" + ".a" * 60_000 + "]"),
    "lists in lists": ("cost", "x=" + "[" * 100_000),
    "a table that is none": ("cost", "traffic=5\n[mixes.a]\nx=1"),
    "ten thousand targets": ("cost", "\n".join(f'[targets.targets.t{n}]\ntitle="x"' for n in range(10_000))),
    "ten thousand mistakes": ("cost", "\n".join(f"mistake{n}=1" for n in range(10_000))),
    "a very long name": ("cost", f'name="{"a" * 5_000}"'),
    "a name that is a path": ("cost", 'name="../../elsewhere"'),
    "escapes in a title": ("cost", f'title="{ESCAPES}"'),
    "escapes in a key": ("cost", f'"{ESCAPES}"=1'),
    "escapes in a mix": ("cost", f'[mixes."{ESCAPES}"]\nx=1'),
    "escapes in a server": ("cost", f'[infrastructure]\napp_instance="{ESCAPES}"'),
}


def own(folder: Path, text: str) -> Path:
    file = folder / "own.toml"
    file.write_text(text if text.startswith("extends") else EXTENDS + text)
    return file


_SOON = ("hundreds of megabytes of zeros", "a billion messages", "a key of sixty thousand parts", "escapes in a key")


@pytest.mark.parametrize("what", [w if w in _SOON else pytest.param(w, marks=pytest.mark.slow) for w in HOSTILE])
def test_a_scenario_that_asks_for_too_much_is_refused(matchday: Command, tmp_path: Path, what: str) -> None:
    command, text = HOSTILE[what]
    name, *options = command.split()
    done = matchday(name, own(tmp_path, text), *options)
    assert done.returncode == 2
    assert "own.toml" in done.stderr


@pytest.mark.parametrize("base", ["/etc/passwd", "../../etc/passwd", "own", "phase-1.toml", ["phase-1"], {"a": 1}])
def test_a_scenario_extends_no_other_file(matchday: Command, tmp_path: Path, base: Any) -> None:
    value = "{a = 1}" if isinstance(base, dict) else json.dumps(base)
    done = matchday("cost", own(tmp_path, f"extends = {value}\n"))
    assert done.returncode == 2
    assert "extends: takes one of" in done.stderr


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("X-Leak", "env:AWS_SECRET_ACCESS_KEY"),
        ("X-Leak", "env:HOME"),
        ("Host", "evil.example"),
        ("Transfer-Encoding", "chunked"),
    ],
)
def test_a_scenario_sends_nothing_of_the_environment(
    matchday: Command, tmp_path: Path, header: str, value: str
) -> None:
    with listening() as (url, requests):
        file = own(tmp_path, f'[connection.headers]\n{header} = "{value}"\n')
        done = matchday("run", file, "--host", url, AWS_SECRET_ACCESS_KEY="never-sent")
    assert done.returncode == 2
    assert f"connection.headers.{header}" in done.stderr
    assert not [one for one in requests if "never-sent" in one or "evil.example" in one or "chunked" in one]


@contextmanager
def listening() -> Iterator[tuple[str, list[str]]]:
    """A server of the stranger's: its URL, and what it is told."""
    requests: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requests.append(f"{self.path}\n{self.headers}")
            self.send_response(200)
            self.end_headers()

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", requests
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def stack_file(folder: Path, **parts: Any) -> Path:
    file = folder / "stack.json"
    file.write_text(json.dumps({"host": "http://127.0.0.1:9", **parts}))
    return file


def test_a_stack_file_signs_nothing_with_keys_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ours")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "never-used")
    with listening() as (url, requests):
        access = {"region": "us-east-1", "endpoint_url": url, "url": f"{url}/queue"}
        with pytest.raises(UsageError, match="needs access_key_id"):
            StackInfo.read(stack_file(tmp_path, queue=access))
        theirs = access | {"access_key_id": "theirs", "secret_access_key": "theirs"}
        queue = StackInfo.read(stack_file(tmp_path, queue=theirs)).queue
        assert queue
        with suppress(BotoCoreError):  # what it answers is none of SQS'
            client("sqs", queue, 1.0).get_queue_attributes(QueueUrl=queue.url)
    assert requests
    assert all("Credential=theirs/" in one for one in requests)


@pytest.mark.parametrize("controller", [-1, 0, 1, 10**30, "x"])
def test_a_stack_file_names_no_process_that_is_none(tmp_path: Path, controller: Any) -> None:
    with pytest.raises(UsageError, match="controller"):
        StackInfo.read(stack_file(tmp_path, controller=controller, controller_began_at=psutil.boot_time()))


@pytest.mark.parametrize("name", ["stack.json", "stack.toml"])
def test_a_stack_file_of_lists_in_lists(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.write_text(("x = " if name.endswith("toml") else "") + "[" * 200_000)
    with pytest.raises(UsageError, match="is no stack file"):
        StackInfo.read(file)


CALIBRATION = json.loads(MEASURED.read_text())


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("stations.app.cores", 1e300),
        ("stations.app.cores", 0),
        ("stations.app.curve.factor", []),
        ("stations.app.curve.utilisation", [1, 0]),
        ("machine.cpus", 0),
        ("machine.cpus", 10**50),
        ("window_s", 0),
        ("pool_size", 1e300),
        ("pool_size", -1),
        ("speed_elasticity", 1e300),
        ("reference_work_cpu_ms", 1e-320),
        ("actions.POST /swipes.cpu_ms.app.value", -1),
        ("runs", None),
    ],
)
def test_a_calibration_that_cannot_be(tmp_path: Path, path: str, value: Any) -> None:
    found = json.loads(json.dumps(CALIBRATION))
    *way, last = path.split(".")
    table = found
    for part in way:
        table = table[part]
    table[last] = value
    file = tmp_path / "calibration.json"
    file.write_text(json.dumps(found))
    with pytest.raises(CalibrationError, match=r"calibration.json is no calibration"):
        read(file)


PRICES = "key,starts_at,usd,per,unit,region,as_of,confidence,source\n"


@pytest.mark.parametrize(
    "text",
    [
        PRICES + "a.b,0,1e-999999999,1,gb,x,2026,verified,x\n",
        PRICES + "a.b,0,1e999999999,1,gb,x,2026,verified,x\n",
        PRICES + "a.b,0,x,1,gb,x,2026,verified,x\n" * 200_000,
        ",".join(["x"] * 1_000_000) + "\n",
        PRICES + f"a.b,0,1,1,{'x' * 200_000},x,2026,verified,x\n",
        PRICES + "\x1b[8m,0,1,1,gb,x,2026,verified,x\n",
    ],
    ids=["no end of zeros", "no end of dollars", "many mistakes", "many columns", "a long cell", "escapes"],
)
def test_prices_that_cannot_be(matchday: Command, tmp_path: Path, text: str) -> None:
    file = tmp_path / "prices.csv"
    file.write_text(text)
    assert matchday("prices", "list", "--prices", file).returncode == 2


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_prices_that_are_no_file(matchday: Command, tmp_path: Path, kind: str) -> None:
    file = tmp_path / "prices.csv"
    if kind == "pipe":
        os.mkfifo(file)
    else:
        file.symlink_to("/dev/zero")
    done = matchday("prices", "list", "--prices", file)
    assert done.returncode == 2
    assert "it is no regular file" in done.stderr


def test_a_report_goes_where_it_is_said_to_and_nowhere_else(matchday: Command, tmp_path: Path) -> None:
    mine = tmp_path / "mine.txt"
    mine.write_text("Precious.")
    costs = tmp_path / "costs"
    costs.mkdir()
    for name in (".costs.md.new", "costs.md"):
        (costs / name).symlink_to(mine)
    assert matchday("cost", "--format", "md").returncode == 0
    assert mine.read_text() == "Precious."
    assert not (costs / "costs.md").is_symlink()


def test_a_cell_of_a_spreadsheet_is_no_formula(matchday: Command, tmp_path: Path) -> None:
    cells = ["=1+1", " =1+1", "a;=1+1", "@SUM(A1)", "\uff1d1+1"]
    lines = ", ".join(f'{{item="{cell}", quantity=1, unit="u", unit_usd=1, basis="list", note="n"}}' for cell in cells)
    file = own(tmp_path, f"[costs]\nstated_usd_per_month=[0, 1000]\nlines=[{lines}]\n")
    assert matchday("cost", file, "phase-2", "--format", "csv").returncode == 0
    text = (tmp_path / "costs" / "own.csv").read_text(encoding="utf-8-sig")
    for cell in cells:
        assert f'"{cell}"' in text if cell.startswith("a") else f'"\'{cell}"' in text
