"""Runs the workflow files of `deploy/ci/` step by step, as a runner would, in a clone with a release before it.

`make proof-ci` runs both (about half an hour); `python -m tests.proof.ci_files github smoke` one job of one of them.
What only a runner has (checkout, caches, uploads) is left out, and said so; jobs of a file share a clone, and so what
they hand on. Ends with 1 when a step fails; after one that is inconclusive, as on a noisy machine, the others run all
the same.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from scenarios.outcome import ExitCode

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Step:
    """What `bash -e` runs; `always`: after a failure, too; `allowed`: exit codes that are no failure."""

    job: str
    name: str
    script: str
    always: bool = False
    allowed: tuple[int, ...] = (0,)


def github(file: dict[str, Any]) -> Iterator[Step]:
    for job, content in file["jobs"].items():
        for step in content["steps"]:
            if "run" in step:
                yield Step(job, step["name"], step["run"], step.get("if") == "always()")
            else:
                print(f"{job}: left to the runner: {step['uses']}")


def gitlab(file: dict[str, Any]) -> Iterator[Step]:
    for job in ("smoke", "release"):
        lines = [*file[".matchday"]["before_script"], *file[job]["script"]]
        yield Step(job, "script", "\n".join(lines), allowed=(0, *file[job]["allow_failure"]["exit_codes"]))


FILES = {
    "github": ("deploy/ci/github-actions.yml", "env", github),
    "gitlab": ("deploy/ci/gitlab-ci.yml", "variables", gitlab),
}


def clone(folder: Path) -> Path:
    """This commit, with the one before it as the last release, from a server that may be pushed to."""
    server, made = folder / "server.git", folder / "clone"
    for command in (
        ["clone", "--quiet", "--bare", str(ROOT), str(server)],
        ["clone", "--quiet", str(server), str(made)],
        ["-C", str(made), "tag", "v0", "HEAD^"],
    ):
        subprocess.run(["git", *command], check=True)
    return made


def default(value: Any) -> str:
    """Of a variable, when nobody filled in the form of a manual run: `${{ inputs.x || 'default' }}`, or GitLab's."""
    if isinstance(value, dict):
        value = value["value"]
    return re.sub(r"\$\{\{.*\|\| '(.*)' \}\}", r"\1", str(value))


def run_steps(title: str, folder: Path, steps: list[Step], variables: dict[str, Any]) -> bool:
    """Run the steps in this clone. Returns whether all went well."""
    well, summary = True, folder / "summary.md"
    given = {"GITHUB_STEP_SUMMARY": str(summary), "GITHUB_REF_NAME": "v1", "CI_COMMIT_TAG": "v1"}
    environment = {**{name: default(value) for name, value in variables.items()}, **os.environ, **given}
    for step in steps:
        if not well and not step.always:
            continue
        began_s = time.monotonic()
        code = subprocess.run(["bash", "-e", "-c", step.script], cwd=folder, env=environment, check=False).returncode
        took_s = time.monotonic() - began_s
        print(f"== {title} {step.job}: {step.name}: exit code {code} after {took_s:.0f} s", flush=True)
        if code == ExitCode.INCONCLUSIVE and code not in step.allowed:
            print("   inconclusive: a runner would end the job here")
            continue
        well = well and code in step.allowed
    if summary.exists():
        print(summary.read_text()[:600])
    return well


def main() -> None:
    kinds, jobs = sys.argv[1:2] or list(FILES), sys.argv[2:]
    well = True
    for kind in kinds:
        path, variables, read = FILES[kind]
        file = yaml.safe_load((ROOT / path).read_text())
        steps = [step for step in read(file) if not jobs or step.job in jobs]
        with tempfile.TemporaryDirectory() as temporary:
            well &= run_steps(kind, clone(Path(temporary)), steps, file.get(variables, {}))
    sys.exit(not well)


if __name__ == "__main__":
    main()
