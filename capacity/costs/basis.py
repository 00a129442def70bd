"""What every bill is computed from: prices, servers, growth, a calibration; and the people of a phase."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from capacity.calibration.file import Calibration
from capacity.costs.person import Person, person_of
from capacity.costs.usage import Drivers
from capacity.planning.judge import Servers
from capacity.planning.options import HOURS_A_MONTH, Market
from scenarios.growth import DAYS, Growth, Usage, peak_factor
from scenarios.schema import Scenario

WEEKS_A_MONTH = HOURS_A_MONTH / (24 * DAYS)


@dataclass(frozen=True)
class Basis:
    """`usage` is a table of growth.toml; `hours` the load of each hour of a day beside the busiest; `rates` what one
    person does a second, by action. `measured`: a run's rates of what is paid for, instead of the predicted."""

    market: Market
    calibration: Calibration
    growth: Growth
    usage: Usage
    hours: tuple[float, ...]
    rates: Mapping[str, float]
    measured: Person | None = None

    @cached_property
    def person(self) -> Person:
        return self.measured or person_of(self.calibration, self.rates)

    @property
    def peak_factor(self) -> float:
        return peak_factor(self.growth, self.hours)

    @property
    def day_share(self) -> float:
        """People on average over the busiest day, of those at its busiest moment."""
        return self.busiest_day_factor / self.peak_factor

    @property
    def busiest_day_factor(self) -> float:
        shares = self.growth.weekdays.shares
        return max(shares) / (sum(shares) / DAYS)

    def new_users_a_month(self, users: float, weeks: tuple[int, int]) -> float:
        """As many as growth.toml has in a phase's weeks, for so many users at its end; a month."""
        start, end = (self.growth.registered.at(week) for week in (weeks[0] - 1, weeks[1]))
        grown = users * (1 - start / end) if end else users
        return grown / (weeks[1] - weeks[0] + 1) * WEEKS_A_MONTH

    def drivers(self, users: float, new_users: float, app_servers: int, workers: int) -> Drivers:
        """With every assumption in its middle."""
        return Drivers(
            np.array(users),
            np.array(new_users),
            np.array(users * self.usage.online_share),
            np.array(float(app_servers)),
            np.array(float(workers)),
            np.array(1.0),
            {name: np.array(one.middle) for name, one in self.market.offers.assumptions.items()},
            self.person,
        )

    def drivers_of(self, scenario: Scenario, servers: Servers) -> Drivers:
        """At the end of a phase."""
        users = float(scenario.population.users)
        return self.drivers_with(servers, users, self.new_users_a_month(users, scenario.weeks))

    def drivers_with(self, servers: Servers, users: float, new_users: float) -> Drivers:
        app = servers.app
        return self.drivers(users, new_users, app.count, app.count * app.server.workers)
