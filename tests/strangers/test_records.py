"""A run record from a stranger: read, judged and shown, it runs nothing, fills nothing, and leads nowhere else."""

import base64
import json
import os
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from loadtests.record import LATENCY_FILE, REPORT_FILE, RUN_FILE, SERIES_FILE, Record
from loadtests.record.histograms import tag_of
from tests.strangers.conftest import Command

# All of them read a record in the same way: `make test` tries one, `make test-long` all.
reader = pytest.mark.parametrize(
    "reader", ["check", *(pytest.param(one, marks=pytest.mark.slow) for one in ("report", "gate"))]
)
ESCAPES = "\x1b]52;c;ZXZpbA==\x07\x1b[8m\u202e"


def change(record: Record, **fields: Any) -> None:
    """Overwrite keys of run.json, as in a__b=1 for {"a": {"b": 1}}."""
    file = record.folder / RUN_FILE
    found = json.loads(file.read_text())
    for path, value in fields.items():
        *way, last = path.split("__")
        table = found
        for part in way:
            table = table[part]
        table[last] = value
    file.write_text(json.dumps(found))


def add_line(record: Record, tag: str, encoded: bytes) -> None:
    with (record.folder / LATENCY_FILE).open("ab") as file:
        file.write(b"Tag=%b,5.000,1.000,1.000,%b\n" % (tag.encode(), encoded))


def histogram(payload: bytes, lowest: int = 1, highest: int = 120_000_000, digits: int = 3) -> bytes:
    """Encoded as HdrHistogram's format V2 has it: `payload` are the counts."""
    head = struct.pack(">iiiiqqd", 0x1C849303 | 0x10, len(payload), 0, digits, lowest, highest, 1.0)
    packed = zlib.compress(head + payload, 9)
    return base64.b64encode(struct.pack(">ii", 0x1C849304 | 0x10, len(packed)) + packed)


def zeros(megabytes: int) -> bytes:
    """A histogram that claims so many: each megabyte is a thousand bytes of zlib's, again and again."""
    head, packer = struct.pack(">iiiiqqd", 0x1C849303 | 0x10, 2**31 - 1, 0, 3, 1, 120_000_000, 1.0), zlib.compressobj(9)
    begun = packer.compress(head) + packer.flush(zlib.Z_FULL_FLUSH)
    megabyte = packer.compress(b"\0" * 2**20) + packer.flush(zlib.Z_FULL_FLUSH)
    packed = begun + megabyte * megabytes
    return base64.b64encode(struct.pack(">ii", 0x1C849304 | 0x10, len(packed)) + packed)


HOSTILE_LINES: dict[str, Callable[[], bytes]] = {
    "eight gigabytes of zeros": lambda: zeros(8 * 2**10),
    "a range of all numbers": lambda: histogram(b"\x02", highest=2**62, digits=5),
    "a run of zeros that never ends": lambda: histogram(b"\xff" * 8 + b"\x7f\x02"),
    "counts beyond all bounds": lambda: histogram((b"\xfe" + b"\xff" * 7 + b"\x7f") * 3),
    "a count that is cut off": lambda: histogram(b"\xff"),
    "no zlib": lambda: base64.b64encode(struct.pack(">ii", 0x1C849314, 4) + b"evil"),
    "no base64": lambda: b"$(id)",
}


@reader
@pytest.mark.parametrize("line", HOSTILE_LINES)
def test_a_histogram_that_is_none(matchday: Command, reader: str, record: Record, line: str) -> None:
    add_line(record, "GET:/discovery", HOSTILE_LINES[line]())
    done = matchday(reader, record.folder)
    assert done.returncode == 2
    assert f"{LATENCY_FILE}, line" in done.stderr
    # Seen before it was unpacked, not when memory was used up.
    assert ("larger than any histogram" in done.stderr) is line.startswith("eight gigabytes")


@reader
@pytest.mark.parametrize(
    "fields",
    [
        {"steady_from": 0},
        {"steady_from": 1e18},
        {"started_at": "0001-01-01T00:00:00Z"},
        {"started_at": "2026-09-21T10:00:00"},
        {"started_at": 0},
        {"stopping_from": 1e308, "status": "interrupted"},
        {"generator_pid": 10**30, "status": "running"},
        {"generator_pid": -1, "status": "running"},
        {"stations__app": 0},
        {"machine__cpus": 10**50},
        {"scenario__targets__targets__api_response_time__percentile": 1e-300},
        {"scenario__targets__targets__concurrent_users__at_users": 10**400},
        {"scenario__targets__targets__api_response_time__title": "  "},
        {"scenario__name": "../../elsewhere"},
        {"scenario__infrastructure__apps": 10**12},
    ],
    ids=str,
)
def test_a_value_that_cannot_be(matchday: Command, reader: str, record: Record, fields: dict[str, Any]) -> None:
    change(record, **fields)
    done = matchday(reader, record.folder)
    assert done.returncode == 2
    assert RUN_FILE in done.stderr


@reader
@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("requests", "nan"),
        ("failures", "inf"),
        ("failures", "-5"),
        ("cpu_cores_app", "1e308"),
        ("mongo_pool_size", "9" * 200_000),
        ("users", "x"),
    ],
    ids=lambda text: text[:20],
)
def test_a_cell_that_is_no_measurement(matchday: Command, reader: str, record: Record, column: str, cell: str) -> None:
    file = record.folder / SERIES_FILE
    names, *rows = file.read_text().splitlines()
    place = names.split(",").index(column)
    spoilt = [",".join([*row.split(",")[:place], cell, *row.split(",")[place + 1 :]]) for row in rows]
    file.write_text("\n".join([names, *spoilt]) + "\n")
    done = matchday(reader, record.folder)
    assert (SERIES_FILE in done.stderr) is (cell != "nan")  # which is what a failed measurement leaves


def test_a_pool_of_nothing(matchday: Command, record: Record) -> None:
    file = record.folder / SERIES_FILE
    file.write_text(file.read_text().replace(",50.0,", ",0,"))
    matchday("check", record.folder)


@reader
@pytest.mark.parametrize("name", [RUN_FILE, LATENCY_FILE, SERIES_FILE])
@pytest.mark.parametrize("kind", ["a pipe", "a device", "a folder"])
def test_a_file_that_is_none(matchday: Command, reader: str, record: Record, name: str, kind: str) -> None:
    file = record.folder / name
    file.unlink()
    make: dict[str, Callable[[], Any]] = {
        "a pipe": lambda: os.mkfifo(file),
        "a device": lambda: file.symlink_to("/dev/zero"),
        "a folder": lambda: file.mkdir(),
    }
    make[kind]()
    done = matchday(reader, record.folder)
    assert done.returncode == 2
    assert "cannot be read" in done.stderr


@reader
@pytest.mark.parametrize("text", ['{"schema_version": 4, "x": ' + "[" * 200_000, "5", "[]", '"x"', "{}"])
def test_a_run_that_is_no_run(matchday: Command, reader: str, record: Record, text: str) -> None:
    (record.folder / RUN_FILE).write_text(text)
    assert matchday(reader, record.folder).returncode == 2


def test_a_link_is_replaced_not_followed(matchday: Command, record: Record, tmp_path: Path) -> None:
    mine = tmp_path / "mine.txt"
    mine.write_text("Precious.")
    (record.folder / REPORT_FILE).symlink_to(mine)
    assert matchday("report", record.folder).returncode == 0
    assert mine.read_text() == "Precious."
    assert (record.folder / REPORT_FILE).read_text().startswith("<!doctype html>")


def test_a_record_in_place_of_a_store_costs_no_record(matchday: Command, record: Record, tmp_path: Path) -> None:
    store = tmp_path / "store"
    assert matchday("baseline", "update", record.folder, "--baseline", store).returncode == 0
    (kept,) = store.iterdir()
    change(record, started_at="2020-01-01T00:00:00Z", steady_from=1_577_836_802.0, stopping_from=1_577_836_832.0)
    for name in (RUN_FILE, LATENCY_FILE, SERIES_FILE):  # a record that is the store itself, and older than all in it
        (store / name).write_bytes((record.folder / name).read_bytes())
    matchday("baseline", "update", kept, "--baseline", store, "--keep", "1")
    assert kept.is_dir()


def test_what_a_link_leads_to_is_not_removed_from_a_store(matchday: Command, record: Record, tmp_path: Path) -> None:
    store, elsewhere = tmp_path / "store", tmp_path / "elsewhere"
    assert matchday("baseline", "update", record.folder, "--baseline", store).returncode == 0
    (kept,) = store.iterdir()
    kept.rename(elsewhere)
    kept.symlink_to(elsewhere)
    matchday("baseline", "update", record.folder, "--baseline", store, "--keep", "1")
    assert (elsewhere / RUN_FILE).is_file()


_SOON = ("HTML", "Markdown", "a terminal's", "matplotlib's")
NAMES = {
    "HTML": '/<script>alert(1)</script><img src=x onerror="alert(1)">',
    "the end of a script": "/</script>--><svg onload=alert(1)>",
    "Markdown": "/a|b`c`[click](https://evil.example)![x](https://evil.example/p.png) @everybody #1",
    "a terminal's": f"/{ESCAPES}",
    "rich's": "/[/red][link=https://evil.example]here[/link][bold]",
    "matplotlib's": "/$\\frac{x$ ${{{",
    "a spreadsheet's": "=cmd|' /C calc'!A1",
    "Jinja's": "/{{ 7 * 191 }}{% for x in y %}",
    "very long": "/" + "x" * 250,
}


@pytest.mark.parametrize(
    "kind", [name if name in _SOON else pytest.param(name, marks=pytest.mark.slow) for name in NAMES]
)
def test_a_name_is_shown_and_does_nothing(matchday: Command, record: Record, kind: str, tmp_path: Path) -> None:
    name = NAMES[kind]
    log = record.folder / LATENCY_FILE
    lines = log.read_text().replace("GET:/discovery", tag_of(f"GET {name}", failed=False))
    log.write_text(lines)
    title = f"API {name}"[:200]
    change(record, scenario__targets__failures__unit=title, git_revision=title, host=title)
    out = {kind: tmp_path / f"gate.{kind}" for kind in ("markdown", "junit", "json")}
    matchday("gate", record.folder, *(part for kind, file in out.items() for part in (f"--{kind}", file)))
    matchday("check", record.folder)
    assert matchday("report", record.folder).returncode == 0
    page = (record.folder / REPORT_FILE).read_text()
    for harm in ("<script>alert", "<img src=x", "<svg onload", "1337", "\x1b", "\u202e"):
        assert harm not in page
        assert harm not in out["markdown"].read_text()
        assert harm not in out["junit"].read_text()
    assert not re.search(r"(?<!\\)\]\(|@everybody|<img", out["markdown"].read_text())


def test_a_title_is_text(matchday: Command, record: Record) -> None:
    change(record, scenario__targets__targets__api_response_time__title=f"API {ESCAPES}")
    assert matchday("check", record.folder).returncode == 2


def test_many_names_are_too_many(matchday: Command, record: Record) -> None:
    log = record.folder / LATENCY_FILE
    (line,) = [one for one in log.read_text().splitlines() if "POST:/swipes" in one][:1]
    with log.open("a") as file:
        file.writelines(line.replace("/swipes", f"/swipes/{number}") + "\n" for number in range(3_000))
    done = matchday("report", record.folder)
    assert done.returncode == 2
    assert "name them by their route" in done.stderr


def test_the_words_of_an_error_do_nothing(matchday: Command, tmp_path: Path) -> None:
    folder = tmp_path / f"evil{ESCAPES.replace('/', '')}"
    done = matchday("check", folder)
    assert done.returncode == 2
    assert "There is no run record at" in done.stderr
