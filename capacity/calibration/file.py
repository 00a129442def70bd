"""calibration.json: what a calibration found, for whoever predicts."""

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from loadtests.record import Machine
from scenarios.files import read_limited, replace_all
from scenarios.outcome import UsageError

SCHEMA_VERSION = 3
AGAIN = "`matchday calibrate RUN ...` makes it again from its runs."
LOW, HIGH = 5.0, 95.0  # the ends of an interval: 90 %


class CalibrationError(UsageError):
    """Runs that no demands can be told from, or a file that holds none. The text says what is missing."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


Amount = Annotated[float, Field(ge=0, le=10**6)]  # milliseconds, cores, megabytes: of one request, or one station
Above0 = Annotated[float, Field(gt=10**-6, le=10**6)]


class Estimate(_Part):
    """A value with its 90 % interval."""

    value: Amount
    low: Amount
    high: Amount


class Action(_Part):
    """What one request or socket event costs.

    `cpu_ms` by station; `counts` by what the cost model asks for (database queries, cache hits). `with_` names what
    always came together with it: then only their sum was measured, and shared out in proportion to their latencies.
    `latency_ms` are quantiles at low load, equally spaced from 0 to 1. Without queues the same is `wait_ms`, what is no
    CPU (disk, network, timers), and `cpu_shape`, CPU time beside its mean: quantiles too, and of one order, for a
    request that works longer waits longer. `cv` is the coefficient of variation of its CPU time.
    """

    counted: float
    variance_inflation: float
    with_: tuple[str, ...]
    cpu_ms: dict[str, Estimate]
    counts: dict[str, Estimate]
    cv: Amount
    samples: int
    latency_ms: tuple[Amount, ...]
    wait_ms: tuple[Amount, ...]
    cpu_shape: tuple[Amount, ...]


class Curve(_Part):
    """How much dearer (above 1) or cheaper all is at a station, by the machine's busy share: straight lines between
    these points, level beyond them."""

    utilisation: Annotated[tuple[Amount, ...], Field(min_length=1)]
    factor: Annotated[tuple[Above0, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _are_points(self) -> Self:
        if len(self.utilisation) != len(self.factor) or list(self.utilisation) != sorted(self.utilisation):
            raise ValueError("utilisation and factor must be as long, and utilisation in order")
        return self

    def at(self, utilisation: float) -> float:
        return float(np.interp(utilisation, self.utilisation, self.factor))


class Station(_Part):
    """A station where it was measured: its cores, what it uses by itself, and the median error of a window's fit.

    `curve` is level at 1 where fuller stretches cost what the others do, as far as anybody can tell.
    Memory is that of all its processes: without anybody, and what each open socket adds (never less than nothing).
    """

    cores: Above0
    idle_cores: Estimate
    error_share: Amount
    curve: Curve
    idle_memory_mb: Annotated[float, Field(ge=0, le=10**9)]
    memory_mb_a_socket: Amount


class Stretch(_Part):
    """A part of a run with one behaviour: `cost` of each window beside what was expected; `rates` a person a second.

    `slowness`: CPU of the reference work beside `Calibration.reference_work_cpu_ms`; 1 where it was not measured.
    `halves` of couples are among the people.
    """

    title: str
    scenario: str
    mix: str
    people: float
    halves: int
    machine_utilisation: float
    slowness: float
    cost: tuple[float, ...]
    rates: dict[str, float]


class Calibration(_Part):
    """calibration.json. Every bootstrap repetition has a number for each action and station in `draws_cpu_ms`, and one
    for each station in `draws_idle_cores`.

    Demands are those of a machine on which the reference work takes `reference_work_cpu_ms` (None: nobody measured it);
    where it takes 1 % more, they are `speed_elasticity` % larger.
    """

    schema_version: Literal[3] = 3
    created_at: datetime
    runs: tuple[str, ...]
    git_revision: str | None
    phase: int
    machine: Machine
    window_s: Annotated[int, Field(ge=1, le=3600)]
    windows_used: int
    windows_rejected: dict[str, int]
    reference_work_cpu_ms: Above0 | None
    speed_elasticity: Annotated[float, Field(ge=-10, le=10)]
    stations: dict[str, Station]
    actions: dict[str, Action]
    unaccounted_cores: float  # busy, but of no station: what watches them
    pool_size: Above0 | None  # connections to the database that a process of the app may have
    stretches: Annotated[tuple[Stretch, ...], Field(min_length=1)]
    draws_cpu_ms: dict[str, dict[str, tuple[Amount, ...]]]
    draws_idle_cores: dict[str, tuple[Amount, ...]]

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        """A file that was edited by hand may name a station here and not there."""
        stations = set(self.stations)
        if not stations or not self.actions or set(self.draws_cpu_ms) != set(self.actions):
            raise ValueError("actions, stations and draws_cpu_ms must not be empty, and name the same actions")
        for action, found in self.actions.items():
            if set(found.cpu_ms) != stations or set(self.draws_cpu_ms[action]) != stations:
                raise ValueError(f"the demands of {action} must name the stations {', '.join(self.stations)}")
        if set(self.draws_idle_cores) != stations:
            raise ValueError(f"draws_idle_cores must name the stations {', '.join(self.stations)}")
        lists = [
            *self.draws_idle_cores.values(),
            *(row for rows in self.draws_cpu_ms.values() for row in rows.values()),
        ]
        if not self.draws or any(len(one) != self.draws for one in lists):
            raise ValueError("all draws must have as many repetitions, one at least")
        if not all(one.cost and min(one.cost) > 0 and one.slowness > 0 for one in self.stretches):
            raise ValueError("every stretch needs a cost above 0 for each window, and a slowness above 0")
        return self

    @property
    def draws(self) -> int:
        """Bootstrap repetitions."""
        return len(next(iter(self.draws_idle_cores.values()), ()))

    def total_cpu_ms(self, action: str) -> Estimate:
        """Of all stations together: where one has more of it, another has less."""
        value = sum(one.value for one in self.actions[action].cpu_ms.values())
        low, high = np.percentile(np.sum(list(self.draws_cpu_ms[action].values()), axis=0), [LOW, HIGH])
        return Estimate(value=value, low=float(low), high=float(high))

    @property
    def people_least(self) -> float:
        return min(stretch.people for stretch in self.stretches)

    @property
    def people_most(self) -> float:
        return max(stretch.people for stretch in self.stretches)

    @property
    def utilisation_most(self) -> float:
        return max(stretch.machine_utilisation for stretch in self.stretches)


def write(calibration: Calibration, path: Path) -> None:
    """Raises CalibrationError where the file cannot be written."""
    try:
        replace_all({path: calibration.model_dump_json(by_alias=True) + "\n"})
    except OSError as error:
        raise CalibrationError(f"{path} cannot be written: {error.strerror}.") from error


def read(path: Path) -> Calibration:
    """Raises CalibrationError, naming the file and what is wrong with it."""
    try:
        data = read_limited(path)
    except OSError as error:
        raise CalibrationError(
            f"{path} cannot be read: {error.strerror}. `matchday run calibration`, then `matchday calibrate latest` "
            "makes one."
        ) from error
    try:
        _check_version(path, json.loads(data))
        return Calibration.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "file"
        raise CalibrationError(f"{path} is no calibration: {where}: {first['msg']}. {AGAIN}") from error
    except (ValueError, RecursionError) as error:
        raise CalibrationError(f"{path} is cut off or no JSON: {error}. {AGAIN}") from error


def _check_version(path: Path, found: Any) -> None:
    version = found.get("schema_version") if isinstance(found, dict) else None
    if version != SCHEMA_VERSION:
        raise CalibrationError(f"{path} has schema version {version}, this Matchday reads {SCHEMA_VERSION}. {AGAIN}")
