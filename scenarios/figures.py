"""What is published of how people use dating apps, and how what comes of a behaviour compares with it."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from scenarios.base import Strict


class Published(Strict):
    """What is known of how people use such apps, for comparison with what the behaviour makes of it: a range."""

    title: str
    low: Annotated[float, Field(ge=0)]
    high: Annotated[float, Field(ge=0)]
    unit: str
    source: str


class PublishedFigures(Strict):
    """All of them, by key."""

    sources: dict[str, str]
    figures: dict[str, Published]


@dataclass(frozen=True)
class Figure:
    """One figure: what came of it (with its standard error), and what is published of it, as a range."""

    key: str
    title: str
    unit: str
    value: float
    error: float
    low: float
    high: float
    source: str

    @property
    def deviation(self) -> float:
        """As a share of the nearest published value; 0 inside the range."""
        if self.value < self.low:
            return self.value / self.low - 1
        return self.value / self.high - 1 if self.value > self.high else 0.0


@dataclass(frozen=True)
class Behaviour:
    """Figures and sources; requests by "TYPE name" a person and minute, the most frequent first, and messages to people
    who are not online."""

    scenario: str
    people: int
    figures: tuple[Figure, ...]
    sources: dict[str, str]
    requests_a_minute: dict[str, float]
    messages_offline_a_minute: float
