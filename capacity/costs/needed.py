"""Which servers a phase needs: the fewest of its own kind that hold its people at the busiest moment."""

import numpy as np

from capacity.costs.basis import Basis
from capacity.planning.judge import Servers
from capacity.planning.options import Crowds, Option, Sizing
from capacity.planning.work import Work, worked
from scenarios.machines import Role
from scenarios.outcome import UsageError
from scenarios.schema import Scenario

DRAWS = 200


def crowds(basis: Basis, users: float, draws: int) -> Crowds:
    """So many registered, in every draw the same."""
    mean = np.full(draws, users * basis.usage.online_share)
    return Crowds(np.full(draws, users), mean * basis.peak_factor, mean, mean * basis.busiest_day_factor)


def work_of(basis: Basis, seed: int, draws: int = DRAWS) -> Work:
    """Of people who do more or less than the traffic model's."""
    return worked(basis.calibration, basis.rates, draws, seed, basis.market.offers.assumptions["activity"])


def needed(basis: Basis, scenario: Scenario, work: Work) -> Servers:
    """App servers of the phase's type, the cheapest tier of its database, the cheapest nodes of Redis.

    No server is kept for the day on which another fails: `matchday plan` does that.
    """
    sizing = Sizing(basis.market, work, crowds(basis, float(scenario.population.users), work.draws), failover=False)
    app = scenario.infrastructure.app_instance
    return Servers(
        sizing.option("app", app, sizing.fewest("app", app)), _cheapest(sizing, "database"), _cheapest(sizing, "cache")
    )


def _cheapest(sizing: Sizing, role: Role) -> Option:
    """Of its kind: Atlas is one, Redis another than Valkey."""
    found = [one for one in sizing.needed[role] if role == "database" or one.name.startswith("redis.")]
    if not found:
        raise UsageError(f"No {role} of machines.toml holds so many people: write a larger one into it.")
    return found[0]
