"""What servers can do, as data: cores, speed, memory; each with an interval and the source it comes from."""

from decimal import Decimal
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from scenarios.base import Positive, Quantity, Share, Strict

Role = Literal["app", "database", "cache"]
Kind = Literal["burstable", "general", "compute"]
# A family's sizes, by vCPUs; its `large` has two.
SIZES = {"large": 2, "xlarge": 4, "2xlarge": 8, "4xlarge": 16, "8xlarge": 32, "12xlarge": 48, "16xlarge": 64}


class Between(Strict):
    """A figure that is known to lie between two others."""

    low: Positive
    middle: Positive
    high: Positive
    source: str

    def times(self, factor: float) -> "Between":
        return Between(low=factor * self.low, middle=factor * self.middle, high=factor * self.high, source=self.source)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.low <= self.middle <= self.high:
            raise ValueError("low, middle and high must be in that order")
        return self


class ServerType(Strict):
    """A kind of server. `cores` busy hyperthreads are worth; `work_ms` of CPU that the reference work takes there.

    It may use `baseline_share` of its cores for ever; what it uses less it earns, up to `credit_hours` of it. Where
    `credit_price` is given more can be had for it, a vCPU-hour. It costs `price_times` the list price `price`, which is
    empty where none is known.
    """

    title: str
    role: Role
    kind: Kind
    arm: bool = False
    vcpus: Annotated[int, Field(ge=1)]
    cores: Between
    work_ms: Between
    memory_gb: Positive
    connections: Annotated[int, Field(ge=1)] | None = None
    baseline_share: Share
    credit_hours: Positive | None = None
    credit_price: str = ""
    included_gb: Annotated[int, Field(ge=0)] = 0
    price: str = ""
    price_times: Quantity = Decimal(1)
    source: str

    @property
    def workers(self) -> int:
        """Of an app server: a process answers requests on each vCPU, a worker does the jobs of two."""
        return max(1, self.vcpus // 2)


class Family(Strict):
    """App servers that differ in size alone: all of them priced as multiples of `large`."""

    kind: Kind
    arm: bool
    price: str
    cores_a_vcpu: Between
    work_ms: Between
    memory_gb_a_vcpu: Positive
    source: str

    def server(self, family: str, size: str) -> ServerType:
        vcpus = SIZES[size]
        return ServerType(
            title=f"EC2 {family}.{size}, {vcpus} vCPU",
            role="app",
            kind=self.kind,
            arm=self.arm,
            vcpus=vcpus,
            cores=self.cores_a_vcpu.times(vcpus),
            work_ms=self.work_ms,
            memory_gb=vcpus * self.memory_gb_a_vcpu,
            baseline_share=1.0,
            price=self.price,
            price_times=Decimal(vcpus) / SIZES["large"],
            source=self.source,
        )


class Network(Strict):
    round_trip_ms: Between


class Machines(Strict):
    """machines.toml."""

    sources: dict[str, str]
    databases: dict[str, str]
    network: Network
    families: dict[str, Family]
    machines: dict[str, ServerType]

    @cached_property
    def types(self) -> dict[str, ServerType]:
        """Every server by name: those that stand alone, and each size of each family."""
        sizes = {
            f"{name}.{size}": family.server(name, size) for name, family in self.families.items() for size in SIZES
        }
        return self.machines | sizes

    def tier(self, named: str) -> str | None:
        """The database tier that a scenario means: by the plan's words, or by its own name; None when nobody knows."""
        tier = self.databases.get(named, named)
        return tier if tier in self.machines and self.machines[tier].role == "database" else None

    @model_validator(mode="after")
    def _every_tier_is_known(self) -> Self:
        if unknown := sorted(set(self.databases.values()) - set(self.machines)):
            raise ValueError(f"databases name {unknown[0]!r}, which is in no [machines.*]")
        return self

    @model_validator(mode="after")
    def _every_source_is_known(self) -> Self:
        named = {one for m in self.machines.values() for one in (m.source, m.cores.source, m.work_ms.source)}
        named |= {one for f in self.families.values() for one in (f.source, f.cores_a_vcpu.source, f.work_ms.source)}
        if unknown := sorted({*named, self.network.round_trip_ms.source} - set(self.sources)):
            raise ValueError(f"source {unknown[0]!r} is not in [sources]; there are: {', '.join(sorted(self.sources))}")
        return self
