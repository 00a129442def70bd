"""Runs the workflow files of `deploy/ci/` step by step, as a runner would, in a clone with a release before it.

`make proof-ci` runs both (about half an hour); `python -m tests.proof.ci_files github smoke` one job of one of them.
What only a runner has (checkout, caches, uploads) is left out, and said so. Ends with 1 when a step fails.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FILES = {"github": "deploy/ci/github-actions.yml", "gitlab": "deploy/ci/gitlab-ci.yml"}


def clone(folder: Path) -> Path:
    """This commit, with the one before it as the last release."""
    made = folder / "clone"
    for command in (["clone", "--quiet", str(ROOT), str(made)], ["-C", str(made), "tag", "v0", "HEAD^"]):
        subprocess.run(["git", *command], check=True)
    return made


def github(file: dict[str, Any]) -> Iterator[tuple[str, str, str, bool]]:
    """(job, step, script, whether it runs after a failure, too)."""
    for job, content in file["jobs"].items():
        for step in content["steps"]:
            if "run" in step:
                yield job, step.get("name", ""), step["run"], step.get("if") == "always()"
            else:
                print(f"{job}: left to the runner: {step['uses']}")


def gitlab(file: dict[str, Any]) -> Iterator[tuple[str, str, str, bool]]:
    """One script a job, as GitLab joins them; exit codes that may be are none."""
    before = file[".matchday"]["before_script"]
    for job, content in file.items():
        if isinstance(content, dict) and "script" in content:
            yield job, "script", "\n".join([*before, *content["script"]]), False


def run(script: str, folder: Path, environment: dict[str, str]) -> int:
    """`bash -e`, as both runners do."""
    return subprocess.run(["bash", "-e", "-c", script], cwd=folder, env=environment, check=False).returncode


def main() -> None:
    wanted = sys.argv[1:2] or list(FILES)
    jobs = sys.argv[2:]
    failed: set[str] = set()
    for kind in wanted:
        file = yaml.safe_load((ROOT / FILES[kind]).read_text())
        steps = list({"github": github, "gitlab": gitlab}[kind](file))
        for job in dict.fromkeys(step[0] for step in steps):
            if jobs and job not in jobs:
                continue
            with tempfile.TemporaryDirectory() as temporary:
                folder = clone(Path(temporary))
                variables = {
                    name: str(value) for name, value in {**file.get("env", {}), **file.get("variables", {})}.items()
                }
                environment = {**variables, **os.environ, "GITHUB_STEP_SUMMARY": str(folder / "summary.md")}
                for _, name, script, always in (step for step in steps if step[0] == job):
                    if f"{kind} {job}" in failed and not always:
                        continue
                    began_s = time.monotonic()
                    code = run(script, folder, environment)
                    allowed = (file.get(job, {}).get("allow_failure") or {}).get("exit_codes", [])
                    print(
                        f"== {kind} {job}: {name}: exit code {code} after {time.monotonic() - began_s:.0f} s",
                        flush=True,
                    )
                    if code and code not in allowed:
                        failed.add(f"{kind} {job}")
                if (folder / "summary.md").exists():
                    print((folder / "summary.md").read_text()[:600])
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
