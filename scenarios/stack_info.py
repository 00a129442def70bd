"""What a running stack tells those who measure it: where it listens, which stations it has, who knows their load.

`matchday up` writes one for the local stack; for staging somebody writes it by hand (docs/watching.md).
"""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from scenarios.files import read_limited
from scenarios.outcome import UsageError

STACK_VARIABLE = "MATCHDAY_STACK"
# Columns of series.csv that a source may fill: of each station its cores that are busy, its memory, and the HTTP
# requests that reach it a second.
STATION_COLUMNS = ("cpu_cores", "memory_mb", "requests")
# Of all together.
WATCHED_COLUMNS = (
    "database_queries",
    "mongo_in_use",
    "mongo_pool_size",
    "cache_hits",
    "cache_misses",
    "queue_backlog",
)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Station(_Part):
    """One station: its processes, when they run on this machine, and the CPU cores that it can use at most."""

    pids: tuple[int, ...] = ()
    cores: float = Field(gt=0)


class AwsAccess(_Part):
    """How a service of AWS is reached. Without keys boto3's usual places serve."""

    region: str
    endpoint_url: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = None


class QueueInfo(AwsAccess):
    """The SQS queue whose backlog is watched."""

    url: str


class PrometheusMetric(_Part):
    """A metric of a page and the column that it fills; samples with other labels are left out."""

    column: str
    metric: str
    labels: dict[str, str] = {}
    scale: float = 1.0  # value x scale is what the column holds
    counter: bool = False  # it only grows: the column holds what is added a second


class PrometheusPage(_Part):
    """A page in Prometheus' text format, read once a second."""

    url: str
    metrics: tuple[PrometheusMetric, ...] = Field(min_length=1)


class CloudWatchMetric(_Part):
    """A metric of CloudWatch and the column that it fills."""

    column: str
    namespace: str
    metric: str
    dimensions: dict[str, str]
    statistic: Literal["Average", "Sum", "Minimum", "Maximum", "SampleCount"] = "Average"
    scale: float = 1.0  # value x scale is what the column holds
    per_second: bool = False  # a Sum over the period: the column holds the rate


class CloudWatchInfo(AwsAccess):
    """Metrics that CloudWatch keeps, one value a period."""

    period_s: int = Field(default=60, ge=1)
    wait_s: float = Field(default=180.0, ge=0)  # CloudWatch is late: how long the end of a run waits for its values
    metrics: tuple[CloudWatchMetric, ...] = Field(min_length=1)


class StackInfo(_Part):
    """A running stack. What is not ours to watch may be missing."""

    host: str
    stations: dict[str, Station] = {}
    beside: tuple[
        int, ...
    ] = ()  # processes here, children included, that belong to the rehearsal but are not its stack
    mongo_url: str | None = None
    redis_url: str | None = None
    queue: QueueInfo | None = None
    prometheus: tuple[PrometheusPage, ...] = ()
    cloudwatch: CloudWatchInfo | None = None
    otp_test_secret: str | None = None
    controller: int | None = Field(
        None, ge=2, le=2**22
    )  # SIGHUP to this process starts the apps anew, then it writes this file again
    controller_began_at: float | None = None  # seconds since the epoch: no other process had that number then
    restarts: int = 0
    population: dict[str, Any] | None = None  # who is in the database: a scenario's [population]

    @model_validator(mode="after")
    def _every_column_exists(self) -> Self:
        known = {f"{what}_{name}" for name in self.stations for what in STATION_COLUMNS} | {*WATCHED_COLUMNS}
        if unknown := sorted(set(self.columns_filled()) - known):
            raise ValueError(f"column {unknown[0]!r} is unknown; there are {', '.join(sorted(known))}")
        return self

    @model_validator(mode="after")
    def _nobody_elses_keys(self) -> Self:
        """Keys that boto3 finds by itself are shown to AWS only: a stack file may be a stranger's."""
        for access in filter(None, (self.queue, self.cloudwatch)):
            if access.endpoint_url and not access.access_key_id:
                raise ValueError("with an endpoint_url of its own a service needs access_key_id and secret_access_key")
        return self

    def columns_filled(self) -> Iterator[str]:
        """The columns that pages and CloudWatch fill."""
        yield from (metric.column for page in self.prometheus for metric in page.metrics)
        yield from (metric.column for metric in (self.cloudwatch.metrics if self.cloudwatch else ()))

    def write(self, path: Path) -> None:
        """Whole or not at all, for somebody may be reading it; for us alone, for it holds the test sender's secret."""
        begun = path.with_name(f"{path.name}.part")
        begun.touch(0o600)
        begun.write_text(self.model_dump_json(indent=2))
        begun.replace(path)

    @classmethod
    def read(cls, path: Path) -> "StackInfo":
        """Raises UsageError, naming what is wrong."""
        try:
            return cls.model_validate(_parsed(path))
        except OSError as error:
            raise UsageError(f"Cannot read the stack file {path}: {error.strerror}.") from error
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "file"
            raise UsageError(f"{path} is no stack file: {where}: {first['msg']}.") from error
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{path} is no stack file: {error}.") from error


def _parsed(path: Path) -> Any:
    if path.suffix == ".toml":
        return tomllib.loads(read_limited(path).decode())
    return json.loads(read_limited(path))
