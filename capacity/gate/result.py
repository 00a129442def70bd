"""The answer of a gate, the same for one run, for two groups of runs and for a duel. `gate.json` is this as JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from capacity.gate.absolute import RunGate
from capacity.gate.baselines import Trend
from capacity.gate.noise import NoiseFloor
from capacity.gate.relative import Comparison
from loadtests.record import Machine, Record
from scenarios.outcome import Verdict
from scenarios.schema import GateRules

SCHEMA_VERSION = 1
GATE_FILE = "gate.json"


@dataclass(frozen=True)
class NoiseUsed:
    """The noise floor that a gate took into account, and when it was measured."""

    pairs: int
    measured_at: datetime


@dataclass(frozen=True)
class GateResult:
    """`runs` are judged by the targets; `comparison` is there when there was something to compare with."""

    kind: Literal["absolute", "relative", "duel"]
    verdict: Verdict
    reasons: tuple[str, ...]
    scenario: str
    title: str
    machine: Machine
    rules: GateRules
    runs: tuple[RunGate, ...]
    comparison: Comparison | None
    left_out: tuple[str, ...]  # runs that were not counted, and why
    noise: NoiseUsed | None
    trends: tuple[Trend, ...]
    made_at: datetime
    schema_version: Literal[1] = 1


def result(
    kind: Literal["absolute", "relative", "duel"],
    verdict: Verdict,
    reasons: Sequence[str],
    like: Record,
    runs: Sequence[RunGate] = (),
    comparison: Comparison | None = None,
    left_out: Sequence[str] = (),
    noise: NoiseFloor | None = None,
    trends: Sequence[Trend] = (),
) -> GateResult:
    """A gate's answer about runs that are `like` this one."""
    run = like.run
    return GateResult(
        kind,
        verdict,
        tuple(reasons),
        run.scenario.name,
        run.scenario.title,
        run.machine,
        run.scenario.targets.gate,
        tuple(runs),
        comparison,
        tuple(left_out),
        NoiseUsed(noise.pairs, noise.measured_at) if noise else None,
        tuple(trends),
        datetime.now(UTC),
    )
