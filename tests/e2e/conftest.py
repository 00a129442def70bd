"""The real commands, run as a user runs them."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.conftest import PLAYED

BIN = Path(sys.executable).parent
# The shared stack's population, a load that is over in ten seconds, and limits that a busy test machine keeps:
# whether the generator was overloaded is not what these tests ask.
POPULATION = ["--set", f"population.users={PLAYED}", "--set", 'population.cities=["Berlin"]']
# Whether others keep this machine busy is not what these tests ask: tests/proof does.
BUSY = ["--set", "targets.validity.foreign_cpu_cores=1000", "--set", "targets.validity.generator_cpu_percent=1000"]
BUSY += ["--set", "targets.validity.generator_drift_p99_ms=100000"]
SOON = ["--set", "load.ramp_s=1.0", "--set", "load.warm_up_s=1.0"]
# As many people all the time: what is counted is known beforehand.
CLOSED = ["--set", "load.model=users"]
SHORT = [*SOON, *BUSY, *CLOSED, "--users", "16"]
# People who type fast: some 25 messages in eight seconds, not five, or by bad luck none.
SHORT += ["--set", "traffic.conversations.typing_s.mean_s=0.5", "--set", "traffic.conversations.typing_s.sd_s=0.3"]
# In a few seconds not everything happens, and what did not is an error. What is left is judged by a percentile that
# needs 10,000 samples: inconclusive, every time.
SHORT += ["--set", "targets.targets.api_response_time.percentile=99.99"]
for _rare in ("profile_load", "match_detection", "message_delivery", "discovery_feed", "image_load"):
    SHORT += ["--set", f"targets.targets.{_rare}.judged=false"]


@dataclass
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str


@dataclass
class Shell:
    """Runs commands in a folder of their own, where runs/ appears."""

    folder: Path

    @property
    def runs(self) -> Path:
        return self.folder / "runs"

    def matchday(self, *arguments: str | Path, **environment: str) -> Done:
        return self._run(BIN / "matchday", arguments, environment)

    def locust(self, *arguments: str | Path, **environment: str) -> Done:
        locustfile = Path("loadtests/locustfile.py").absolute()
        return self._run(BIN / "locust", ("-f", locustfile, *arguments), environment)

    def _run(self, program: Path, arguments: tuple[str | Path, ...], environment: dict[str, str]) -> Done:
        done = subprocess.run(
            [program, *arguments],
            cwd=self.folder,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    @contextmanager
    def started(self, *arguments: str | Path) -> Iterator[subprocess.Popen[str]]:
        """A running command; whatever is left of it at the end is killed."""
        with subprocess.Popen(
            [BIN / "matchday", *arguments],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.kill()

    def record(self) -> Path:
        """The only record of this folder."""
        (found,) = self.runs.iterdir()
        return found


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def seconds_recorded(runs: Path) -> int:
    """Rows that the one record below `runs` has so far."""
    found = list(runs.glob("*/series.csv"))
    return len(found[0].read_text().splitlines()) - 1 if found else 0


def family(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Everything that a command has started."""
    return psutil.Process(process.pid).children(recursive=True)


def generator(process: subprocess.Popen[str]) -> psutil.Process:
    """The Locust process of a command."""
    return next(p for p in family(process) if any("locustfile" in part for part in p.cmdline()))


def plain(text: str) -> str:
    """Text without line breaks and double blanks, for sentences that a terminal has wrapped."""
    return re.sub(r"\s+", " ", text)
