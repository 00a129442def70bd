"""The real commands on files from a stranger, in a process that may not use much."""

import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from loadtests.record import Record
from scenarios.outcome import ExitCode
from tests.loadtests.making import healthy, write

BIN = Path(sys.executable).parent
MEMORY_MAX, FILE_MAX, FOLDER_MAX = 6 * 2**30, 32 * 2**20, 64 * 2**20
WITHIN_S = 120  # on a busy machine; what these tests are about took for ever
OBEYED = [*map(chr, range(0x08)), "\x08", "\x0b", "\x0c", "\x0e", "\x1b", "\x7f", "\x9b", "\u202e"]


def _bound() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX, MEMORY_MAX))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_MAX, FILE_MAX))


Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def matchday(tmp_path: Path) -> Command:
    """Run a command; whatever it was given, it ends with a documented code, and shows nothing that a terminal obeys."""

    def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [BIN / "matchday", *arguments],
            cwd=tmp_path,
            env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), **environment},
            preexec_fn=_bound,
            capture_output=True,
            text=True,
            timeout=WITHIN_S,
        )
        said = done.stdout + done.stderr
        assert "Traceback" not in said, said[-3000:]
        assert "a mistake of its own" not in said, said[-3000:]
        assert done.returncode in list(ExitCode), done.returncode
        assert not [letter for letter in OBEYED if letter in said]
        assert len(done.stderr) < 10_000
        assert sum(file.stat().st_size for file in tmp_path.rglob("*") if file.is_file()) < FOLDER_MAX
        return done

    return run


@pytest.fixture
def record(tmp_path: Path) -> Record:
    """A record in which nothing is wrong, to be spoilt."""
    return write(tmp_path / "theirs", 30, healthy)
