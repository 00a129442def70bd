"""What servers can do, as data: cores, speed, memory; each with an interval and the source it comes from."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from scenarios.base import Positive, Share, Strict


class Between(Strict):
    """A figure that is known to lie between two others."""

    low: Positive
    middle: Positive
    high: Positive
    source: str

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.low <= self.middle <= self.high:
            raise ValueError("low, middle and high must be in that order")
        return self


class ServerType(Strict):
    """A kind of server. `cores` busy hyperthreads are worth; `work_ms` of CPU that the reference work takes there.

    It may use `baseline_share` of its cores for ever; what it uses less it earns, up to `credit_hours` of it.
    """

    title: str
    cores: Between
    work_ms: Between
    memory_gb: Positive
    connections: Annotated[int, Field(ge=1)] | None = None
    baseline_share: Share
    credit_hours: Positive | None = None
    source: str


class Network(Strict):
    round_trip_ms: Between


class Machines(Strict):
    """machines.toml."""

    sources: dict[str, str]
    databases: dict[str, str]
    network: Network
    machines: dict[str, ServerType]

    @model_validator(mode="after")
    def _every_tier_is_known(self) -> Self:
        if unknown := sorted(set(self.databases.values()) - set(self.machines)):
            raise ValueError(f"databases name {unknown[0]!r}, which is in no [machines.*]")
        return self

    @model_validator(mode="after")
    def _every_source_is_known(self) -> Self:
        named = {one for m in self.machines.values() for one in (m.source, m.cores.source, m.work_ms.source)}
        if unknown := sorted({*named, self.network.round_trip_ms.source} - set(self.sources)):
            raise ValueError(f"source {unknown[0]!r} is not in [sources]; there are: {', '.join(sorted(self.sources))}")
        return self
