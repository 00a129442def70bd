"""What the house promises about itself."""

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("locust", "gevent", "fastapi", "pymongo", "motor", "redis", "boto3", "pandas", "matplotlib", "numba")


def test_a_planner_starts_no_server_library() -> None:
    """`matchday cost` must start well under a second: nothing heavy is imported on its way."""
    script = (
        "import sys; sys.argv = ['matchday', 'cost', '--json']\n"
        "import cli\n"
        "try: cli.main()\n"
        f"finally: print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize("name", ["README.md", "docs/exit-codes.md"])
def test_every_exit_code_is_documented(name: str) -> None:
    from scenarios.outcome import ExitCode

    text = Path(name).read_text()
    assert all(str(code.value) in text for code in ExitCode)


def test_versions_are_locked_without_an_address() -> None:
    lines = [line for line in Path("constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert lines
    assert all("==" in line and "://" not in line and "@" not in line for line in lines)
