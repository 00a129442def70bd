"""Runs of an imagined backend whose demands are known."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from capacity.calibration.speed import SPEED_ELASTICITY
from loadtests.record import Record
from tests.loadtests.making import HEALTHY, Second, write

# CPU ms of a request at each station; and what stations use by themselves, cores.
TRUTH: dict[str, dict[str, float]] = {
    "GET /discovery": {"app": 6.0, "mongod": 3.0, "generator": 1.0},
    "GET /matches": {"app": 3.0, "mongod": 1.5, "generator": 0.8},
    "POST /swipes": {"app": 4.0, "mongod": 2.0, "generator": 0.8},
    "IMAGE photo": {"app": 0.0, "mongod": 0.0, "generator": 0.6},
}
IDLE = {"app": 0.03, "mongod": 0.02, "generator": 0.01}
QUERIES = {"GET /discovery": 3.0, "GET /matches": 2.0, "POST /swipes": 2.0, "IMAGE photo": 0.0}
LATENCY_MS = {"GET /discovery": 14.0, "GET /matches": 8.0, "POST /swipes": 12.0, "IMAGE photo": 1.5}
# Requests that come as often as another.
WITH: dict[str, str] = {}
# Requests a second in each mix; `usual` is the last.
MIXES: tuple[dict[str, float], ...] = (
    {"GET /discovery": 20, "GET /matches": 2, "POST /swipes": 4, "IMAGE photo": 5},
    {"GET /discovery": 2, "GET /matches": 40, "POST /swipes": 4, "IMAGE photo": 5},
    {"GET /discovery": 2, "GET /matches": 2, "POST /swipes": 40, "IMAGE photo": 5},
    {"GET /discovery": 2, "GET /matches": 2, "POST /swipes": 4, "IMAGE photo": 60},
    {"GET /discovery": 1, "GET /matches": 1, "POST /swipes": 1, "IMAGE photo": 1},
    {"GET /discovery": 3, "GET /matches": 6, "POST /swipes": 20, "IMAGE photo": 25},
)
SECONDS = 33  # of which the warm-up is three


def made(
    folder: Path, mix: Mapping[str, float], seed: int, noise: float = 0.03, slow: float = 1.0, **columns: float
) -> Record:
    """A run in which so many requests come a second, at random; a window's CPU is off by `noise`.

    On a machine that is `slow` times as slow for the reference work, everything costs slow ** SPEED_ELASTICITY as much.
    """
    rng = np.random.default_rng(seed)

    def second(_: int) -> Second:
        counts = {name: int(rng.poisson(rate)) for name, rate in mix.items()}
        counts |= {name: counts[other] for name, other in WITH.items()}
        cores = {
            station: IDLE[station] + sum(count * TRUTH[name][station] / 1000 for name, count in counts.items())
            for station in IDLE
        }
        cores = {
            station: used * slow**SPEED_ELASTICITY * float(rng.normal(1.0, noise)) for station, used in cores.items()
        }
        latencies = {
            name: list(np.maximum(0.5, rng.gamma(4.0, LATENCY_MS[name] / 4, count))) for name, count in counts.items()
        }
        return Second(
            ok={**latencies, "GENERATOR loop drift": [0.5] * 20},
            columns=HEALTHY
            | {
                "cpu_cores_app": cores["app"],
                "cpu_cores_mongod": cores["mongod"],
                "generator_cpu_cores": cores["generator"],
                "machine_cpu_cores": sum(cores.values()) + 0.05,
                "requests_app": sum(count for name, count in counts.items() if not name.startswith("IMAGE")),
                "database_queries": sum(count * QUERIES[name] for name, count in counts.items()),
                "foreign_cpu_cores": 0.02,
                "reference_work_cpu_ms": slow,
            }
            | columns,
        )

    return write(folder, SECONDS, second)


def runs(folder: Path, mixes: Sequence[Mapping[str, float]] = MIXES, noise: float = 0.03) -> list[Record]:
    """A run of each mix."""
    return [made(folder / f"run-{number}", mix, number, noise) for number, mix in enumerate(mixes)]
