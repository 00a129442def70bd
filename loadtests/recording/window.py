"""What one generator process saw in one second, as it travels from worker to master."""

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class MachineLoad:
    """What a machine was busy with, whoever asked for it."""

    host: str
    busy_cores: float
    steal_cores: float
    memory_percent: float


@dataclass
class Window:
    """`histograms` by tag: (encoded, highest value in microseconds, count).

    `sums` add up over processes, of `peaks` the highest counts.
    """

    second: int
    histograms: dict[str, tuple[bytes, int, int]] = field(default_factory=dict)
    sums: dict[str, float] = field(default_factory=dict)
    peaks: dict[str, float] = field(default_factory=dict)
    machine: MachineLoad | None = None

    def packed(self) -> dict[str, Any]:
        """As msgpack carries it."""
        return asdict(self)

    @classmethod
    def unpacked(cls, data: dict[str, Any]) -> "Window":
        histograms = {tag: (bytes(part[0]), int(part[1]), int(part[2])) for tag, part in data["histograms"].items()}
        machine = MachineLoad(**data["machine"]) if data["machine"] else None
        return cls(int(data["second"]), histograms, data["sums"], data["peaks"], machine)
