"""A stack file that somebody wrote by hand is read, or refused with what is wrong."""

from pathlib import Path

import pytest

from scenarios.outcome import UsageError
from scenarios.stack_info import StackInfo

STAGING = Path("deploy/staging.toml")


def test_the_example_for_staging_is_a_stack_file() -> None:
    stack = StackInfo.read(STAGING)
    assert stack.host.startswith("https://")
    assert {"app", "mongod"} <= set(stack.stations)
    assert stack.prometheus
    assert stack.cloudwatch


def test_what_matchday_up_writes_is_read_back(tmp_path: Path) -> None:
    stack = StackInfo.read(STAGING)
    stack.write(tmp_path / "stack.json")
    assert StackInfo.read(tmp_path / "stack.json") == stack


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("s.toml", "host = ", "s.toml is no stack file: Invalid value"),
        ("s.toml", 'hosts = "x"', "s.toml is no stack file: host: Field required"),
        ("s.json", "{", "s.json is no stack file: Expecting property name"),
        ("s.json", "\udcff", "s.json is no stack file: "),
        ("s.toml", 'host = "x"\n[stations.app]\ncores = 0', "stations.app.cores: Input should be greater than 0"),
        (
            "s.toml",
            'host = "x"\n[[prometheus]]\nurl = "u"\nmetrics = [{column = "cpu_cores_app", metric = "m"}]',
            "column 'cpu_cores_app' is unknown; there are cache_hits, cache_misses",
        ),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, name: str, text: str, sentence: str) -> None:
    (tmp_path / name).write_text(text, errors="surrogateescape")
    with pytest.raises(UsageError) as caught:
        StackInfo.read(tmp_path / name)
    assert sentence in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"Cannot read the stack file .*missing\.toml: No such file"):
        StackInfo.read(tmp_path / "missing.toml")
