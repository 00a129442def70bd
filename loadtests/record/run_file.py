"""The types of run.json, and reading it."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from scenarios.files import read_limited
from scenarios.outcome import UsageError
from scenarios.schema import Scenario

SCHEMA_VERSION = 4
RUN_FILE, REPORT_FILE = "run.json", "report.html"


class RecordError(UsageError):
    """A folder that is no readable run record. The text names the file and what is wrong with it."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


# A virtual machine reports a little more or less memory each time.
_MEMORY_WITHIN = 0.05


class Machine(_Part):
    """Where the generator ran."""

    system: str
    cpu_model: str
    cpus: Annotated[int, Field(ge=1, le=10**5)]
    memory_mb: Annotated[int, Field(ge=1, le=10**9)]
    python: str

    def alike(self, other: "Machine") -> bool:
        """Whether two machines are alike as far as a record says: processor, cores, memory."""
        same = (self.cpu_model, self.cpus) == (other.cpu_model, other.cpus)
        return same and abs(self.memory_mb - other.memory_mb) <= _MEMORY_WITHIN * self.memory_mb


class Clock(_Part):
    """A worker's clock against the master's, as estimated from round trips. `shared`: it is the same clock."""

    worker: str
    shared: bool
    offset_ms: float
    error_ms: float  # the true offset lies within +- this


class Latency(_Part):
    """Successes of one name over the measured windows; milliseconds. Too few samples give no percentile."""

    count: int
    failed: int
    p50: float | None
    p95: float | None
    p99: float | None
    max: float | None


class Messages(_Part):
    """What became of the messages between people, over the whole run, by sequence numbers."""

    sent: int
    offline: int = 0  # of them, to people who had no socket then: REST tells them when they are back
    delivered: int
    crossed: int  # of them, from one generator process to another
    lost: int
    duplicated: int
    reordered: int


class Trust(_Part):
    """One thing that must hold for the numbers to be trusted: what was measured, and the scenario's limit."""

    key: str
    title: str
    measured: float | None  # None: nothing measured it
    limit: float
    unit: str
    better: Literal["lower", "higher"] = "lower"
    problem: str = ""  # empty: it holds
    advice: str = ""


_CENTURY = (datetime(2000, 1, 1, tzinfo=UTC).timestamp(), datetime(2100, 1, 1, tzinfo=UTC).timestamp())
_LONGEST_S = 31 * 86_400
Second = Annotated[float, Field(ge=_CENTURY[0], le=_CENTURY[1])]  # since the epoch


class Run(_Part):
    """run.json."""

    schema_version: Literal[4] = 4
    status: Literal["running", "finished", "interrupted", "crashed"]
    status_reason: str = ""
    scenario: Scenario
    host: str
    users_asked: Annotated[int, Field(ge=0, le=10**7)]
    duration_asked_s: float | None
    generator_pid: Annotated[int, Field(ge=1, le=2**22)]  # Linux has no more
    stations: dict[str, Annotated[float, Field(gt=0, le=10**6)]]  # cores each can use
    versions: dict[str, str]
    git_revision: str | None
    machine: Machine
    started_at: AwareDatetime
    ended_at: AwareDatetime | None = None
    steady_from: Second | None = None  # when all people were there
    stopping_from: Second | None = None  # when the first of them was sent home
    clocks: tuple[Clock, ...] = ()  # of the workers, when there are any
    workers_lost: tuple[str, ...] = ()  # gone without a last report
    intervals: int | None = None  # lines of latency.hlog, once it is closed
    latency_ms: dict[str, Latency] | None = None
    messages: Messages | None = None
    validity: tuple[Trust, ...] | None = None

    @model_validator(mode="after")
    def _is_of_one_month(self) -> Self:
        """Arrays are made of the seconds between these."""
        times = [_second(self.started_at), self.steady_from, self.stopping_from]
        known = [at for at in times if at is not None]
        if max(known) - min(known) > _LONGEST_S:
            raise ValueError("started_at, steady_from and stopping_from must lie within a month")
        return self

    @property
    def problems(self) -> tuple[Trust, ...]:
        """Why the numbers cannot be trusted; empty when nothing speaks against them."""
        return tuple(trust for trust in self.validity or () if trust.problem)


def _second(at: datetime) -> float:
    second = at.timestamp()
    if not _CENTURY[0] <= second <= _CENTURY[1]:
        raise ValueError("started_at must be of this century")
    return second


def read_run(path: Path) -> Run:
    """Raises RecordError, naming the file and what is wrong with it."""
    try:
        data = read_limited(path)
    except OSError as error:
        raise RecordError(f"{path} cannot be read: {error.strerror}. Is {path.parent} a run record?") from error
    if not data.strip():
        raise RecordError(f"{path} is empty: the record was never begun, or a full disk cut it off.")
    try:
        _check_version(path, json.loads(data))
        return Run.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "file"
        raise RecordError(f"{path} is no run record that can be read: {where}: {first['msg']}.") from error
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{path} is cut off or no JSON: {error}.") from error


def _check_version(path: Path, found: Any) -> None:
    version = found.get("schema_version") if isinstance(found, dict) else None
    if not isinstance(version, int):
        raise RecordError(f"{path} is not the run.json of a run record: it names no schema_version.")
    if version > SCHEMA_VERSION:
        raise RecordError(
            f"{path} has schema version {version}, this Matchday reads {SCHEMA_VERSION}: a newer one wrote it. "
            "Update Matchday to read it."
        )
    if version < SCHEMA_VERSION:
        raise RecordError(
            f"{path} has schema version {version}, this Matchday reads {SCHEMA_VERSION}: measure again, or read it "
            "with the version that wrote it."
        )
