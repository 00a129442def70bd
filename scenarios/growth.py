"""How registered users become load, as data: every figure names the source it comes from."""

from itertools import pairwise
from typing import Annotated, Self

import numpy as np
from pydantic import Field, model_validator

from scenarios.base import Positive, Strict
from scenarios.traffic import Sourced, SourcedShare

DAYS, HOURS, MINUTES_A_DAY = 7, 24, 1440


class Registered(Strict):
    """Users at the end of weeks; straight lines between, and on as between the last two."""

    weeks: tuple[int, ...] = Field(strict=False, min_length=2)
    users: tuple[int, ...] = Field(strict=False, min_length=2)
    source: str

    @model_validator(mode="after")
    def _time_goes_on(self) -> Self:
        if len(self.weeks) != len(self.users):
            raise ValueError("as many weeks as users are needed")
        if any(later <= earlier for earlier, later in pairwise(self.weeks)) or self.weeks[0] < 0:
            raise ValueError("weeks must grow, and not begin below 0")
        if any(later < earlier for earlier, later in pairwise(self.users)) or self.users[0] < 0:
            raise ValueError("users must not become fewer, nor begin below 0")
        return self

    def at(self, week: float) -> float:
        """Users at the end of that week."""
        if week > self.weeks[-1]:
            a_week = (self.users[-1] - self.users[-2]) / (self.weeks[-1] - self.weeks[-2])
            return self.users[-1] + (week - self.weeks[-1]) * a_week
        return float(np.interp(week, self.weeks, self.users))


class Weekdays(Strict):
    """Load of each weekday beside the mean, Monday first."""

    shares: Annotated[tuple[Positive, ...], Field(strict=False, min_length=DAYS, max_length=DAYS)]
    source: str


class Usage(Strict):
    """How much registered users use the app."""

    title: str
    active_share: SourcedShare
    sessions_a_day: Sourced
    session_minutes: Sourced

    @property
    def online_share(self) -> float:
        """Of the registered, at an average moment (Little 1961)."""
        minutes = self.sessions_a_day.value * self.session_minutes.value
        return self.active_share.value * minutes / MINUTES_A_DAY


class Growth(Strict):
    """growth.toml. `low` and `high` are factors of the registered users."""

    sources: dict[str, str]
    registered: Registered
    low: Sourced
    high: Sourced
    weekdays: Weekdays
    usage: dict[str, Usage]

    @model_validator(mode="after")
    def _low_is_low(self) -> Self:
        if not 0 < self.low.value <= 1 <= self.high.value:
            raise ValueError("low must lie above 0 and at most at 1, high at 1 at least")
        return self


def peak_factor(growth: Growth, hours: tuple[float, ...]) -> float:
    """The busiest hour of the busiest weekday beside the mean of a week: the peak-to-average ratio of capacity planning
    (Menasce & Almeida 2002)."""
    shares = growth.weekdays.shares
    return max(hours) / (sum(hours) / len(hours)) * max(shares) / (sum(shares) / DAYS)
