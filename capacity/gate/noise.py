"""The noise floor of a machine: how much runs of one backend differ there, measured by its duel with itself."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from math import exp, sqrt
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict
from scipy.stats import norm

from capacity.gate.comparable import fingerprint
from loadtests.record import Machine, Run
from scenarios.files import can_be_written, read_limited, replace_all
from scenarios.outcome import UsageError
from scenarios.schema import GateRules

NOISE_FILE = "noise.json"


class NoiseFloor(BaseModel):
    """Standard deviations of the logarithm of each quantity (0.05 is about 5 %) on one machine, under one load.

    `of_a_run`: from run to run. `of_a_pair`: of the ratio of two runs next to each other, which share slow moments.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    machine: Machine
    scenario: str
    load: str  # fingerprint of population, traffic and load
    pairs: int
    measured_at: datetime
    of_a_run: dict[str, float]
    of_a_pair: dict[str, float]

    def factor_of_a_run(self, key: str, confidence: float) -> float:
        """One run's value is within this factor of what the machine shows on average; 1 where it is unknown."""
        return exp(float(norm.ppf((1 + confidence) / 2)) * self.of_a_run.get(key, 0.0))

    def least_change(self, key: str, runs: tuple[int, int], paired: bool, false_alarms_share: float) -> float:
        """The change (as a share) that so many runs a side of the same backend exceed with that chance only."""
        if paired:
            error = self.of_a_pair.get(key, 0.0) / sqrt(runs[0])
        else:
            error = self.of_a_run.get(key, 0.0) * sqrt(1 / runs[0] + 1 / runs[1])
        return exp(float(norm.ppf(1 - false_alarms_share)) * error) - 1


def wanted_change(noise: NoiseFloor | None, rules: GateRules, key: str, runs: tuple[int, int], paired: bool) -> float:
    """What a change must at least be (a share): the rules' minimum, or what this machine shows against itself."""
    least = rules.min_effect_share
    return max(least, noise.least_change(key, runs, paired, rules.false_alarms_share)) if noise else least


def measured_noise(
    run: Run, baseline: Mapping[str, Sequence[float]], candidate: Mapping[str, Sequence[float]]
) -> NoiseFloor:
    """From values by quantity, a pair of runs a place; `run` is one of those runs. There must be two pairs."""
    of_a_run, of_a_pair, pairs = {}, {}, 0
    for key, values in baseline.items():
        logs = np.log([values, candidate[key]])
        pairs = logs.shape[1]
        of_a_pair[key] = float((logs[1] - logs[0]).std(ddof=1))
        of_a_run[key] = float(sqrt(logs.var(axis=1, ddof=1).mean()))
    return NoiseFloor(
        machine=run.machine,
        scenario=run.scenario.name,
        load=fingerprint(run),
        pairs=pairs,
        measured_at=datetime.now(UTC),
        of_a_run=of_a_run,
        of_a_pair=of_a_pair,
    )


def find_noise(path: Path, run: Run) -> NoiseFloor | None:
    """What was measured on this run's machine under its load; None when nothing was. Raises UsageError."""
    fitting = [n for n in _read(path) if n.machine.alike(run.machine) and n.load == fingerprint(run)]
    return fitting[-1] if fitting else None


def check_noise_file(path: Path) -> None:
    """Raises UsageError for a file that `store_noise` could not add to: better now than after ten minutes."""
    _read(path)
    if not can_be_written(path):
        raise UsageError(f"The noise floor cannot be kept in {path}: name a file that can be written with --noise.")


def store_noise(path: Path, noise: NoiseFloor) -> None:
    """Keep it in place of an older one of the same machine and load. Raises UsageError."""
    kept = [n for n in _read(path) if not (n.machine.alike(noise.machine) and n.load == noise.load)]
    found = [n.model_dump(mode="json") for n in (*kept, noise)]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_all({path: json.dumps(found, indent=1) + "\n"})
    except OSError as error:
        raise UsageError(f"The noise floor cannot be kept in {path}: {error.strerror}.") from error


def _read(path: Path) -> list[NoiseFloor]:
    if not path.is_file():
        return []
    try:
        return [NoiseFloor.model_validate(entry) for entry in json.loads(read_limited(path))]
    except (OSError, ValueError, TypeError, RecursionError) as error:
        first = str(error).splitlines()[0]
        raise UsageError(
            f"{path} holds no noise floor that can be read ({first}); "
            "remove it, and measure again with `matchday duel --same`."
        ) from error
