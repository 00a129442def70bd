"""run.json of a run that starts now: scenario, versions, machine."""

import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

from loadtests.record import Machine, Run
from scenarios.schema import Scenario

_VERSIONS_OF = ("matchday", "locust", "gevent", "hdrhistogram")


def new_run(scenario: Scenario, host: str, duration_s: float | None, stations: Mapping[str, float]) -> Run:
    """run.json of a run that starts now. `stations`: how many cores each can use."""
    return Run(
        status="running",
        scenario=scenario,
        host=host,
        users_asked=scenario.load.concurrent_users,
        duration_asked_s=duration_s,
        generator_pid=os.getpid(),
        stations=dict(stations),
        versions={name: version(name) for name in _VERSIONS_OF},
        git_revision=_git_revision(),
        machine=this_machine(),
        started_at=datetime.now(UTC),
    )


def this_machine() -> Machine:
    """The one on which this process runs."""
    return Machine(
        system=f"{platform.system()} {platform.release()}",
        cpu_model=_cpu_model(),
        cpus=os.cpu_count() or 1,
        memory_mb=psutil.virtual_memory().total // 2**20,
        python=platform.python_version(),
    )


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()


def _git_revision() -> str | None:
    try:
        result = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return result.stdout.strip() or None
