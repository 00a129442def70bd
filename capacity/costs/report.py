"""The whole answer of `matchday cost`: phases, weeks, users, what is certain and what is not."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from capacity.costs.basis import WEEKS_A_MONTH, Basis
from capacity.costs.bill import PhaseBill, phase_bill
from capacity.costs.commitments import Commitment, commitments
from capacity.costs.items import need_with
from capacity.costs.lines import category_of
from capacity.costs.needed import crowds, work_of
from capacity.costs.own import own_servers
from capacity.costs.seed import TenThousand, ten_thousand
from capacity.costs.sensitivity import Bar, tornado
from capacity.costs.ways import Floats, drawn, three
from capacity.costs.weeks import Timeline, Weeks
from capacity.planning.judge import Servers
from capacity.planning.options import Sizing
from capacity.planning.work import ROLES, worked
from scenarios.costs import Plan
from scenarios.prices.price_list import Confidence
from scenarios.schema import Scenario

DRAWS, DRAWN_WORK = 1000, 200
LOW, HIGH = 5, 95  # of the drawn ways, 90 % lie between
USERS_SHOWN = (1000, 3000, 10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000)


@dataclass(frozen=True)
class Spread:
    """Dollars with low, middle and high growth; and between which 90 % of all ways lie."""

    low: float
    middle: float
    high: float
    p5: float
    p50: float
    p95: float


@dataclass(frozen=True)
class WeekCost:
    """The end of a week. `phase_by_plan` and `phase_by_model` name servers; the model's for middle growth.

    `phase_share`: how many of the drawn ways are on each phase's servers. Money is a week's.
    """

    week: int
    registered: float
    people_peak: float
    phase_by_plan: str
    phase_by_model: str
    phase_share: dict[str, float]
    plan_usd: Decimal
    need_usd: Spread


@dataclass(frozen=True)
class Switch:
    """The first week on a phase's servers: by the plan, and by the model with low, middle and high growth; None where
    the earlier servers hold all the time. `drawn_share`: of the drawn ways that get there."""

    phase: str
    by_plan: int
    by_model: tuple[int | None, int | None, int | None]
    holds_people: float
    breaks_first: str
    drawn_share: float


@dataclass(frozen=True)
class Over:
    """Twelve weeks together, dollars."""

    weeks: int
    plan_usd: Decimal
    need_usd: Spread
    service_usd: float
    network_usd: float
    people_usd: Decimal


@dataclass(frozen=True)
class UserCost:
    """With the cheapest servers of all: what is needed for so many users, a month."""

    users: int
    need_usd_per_month: float
    need_usd_per_user: float


@dataclass(frozen=True)
class PricesUsed:
    """Where the list prices come from."""

    file: str
    oldest: str
    newest: str
    regions: tuple[str, ...]
    not_verified: tuple[str, ...]  # keys in these bills
    undated: tuple[str, ...]


@dataclass(frozen=True)
class CostReport:
    usage: str
    rates: str  # where quantities of behaviour come from
    phases: tuple[PhaseBill, ...]
    ten_thousand: TenThousand
    weeks: tuple[WeekCost, ...]
    switches: tuple[Switch, ...]
    over: Over
    tornado: tuple[Bar, ...]
    by_users: tuple[UserCost, ...]
    commitments: tuple[Commitment, ...]
    prices: PricesUsed
    draws: int
    seed: int


def cost_report(cases: Sequence[tuple[Scenario, Basis]], plan: Plan, seed: int = 1) -> CostReport:
    """Phases in their order, each with its people; over the weeks they behave as in the last. The same cases and seed,
    the same report."""
    bills = tuple(phase_bill(scenario, own, seed) for scenario, own in cases)
    scenarios, basis = [scenario for scenario, _ in cases], cases[-1][1]
    totals = ten_thousand(plan)
    timeline = Timeline(basis, scenarios, worked(basis.calibration, basis.rates, DRAWN_WORK, seed))
    count = max(scenario.weeks[1] for scenario in scenarios)
    middle, ways = timeline.weeks(three(basis), count), timeline.weeks(drawn(basis, DRAWS, seed), count)
    weeks = _weeks(scenarios, bills, middle, ways)
    people = totals.team_usd_per_month * count / Decimal(str(WEEKS_A_MONTH))
    return CostReport(
        basis.usage.title,
        f"{basis.person.origin}: {basis.person.source}",
        bills,
        totals,
        weeks,
        _switches(scenarios, timeline, middle, ways),
        _over(weeks, middle, ways, people),
        tornado(timeline, basis, count),
        _by_users(scenarios[-1], basis, seed),
        commitments(basis.market, own_servers(scenarios[-1], basis.market)),
        _prices_used(bills, basis),
        DRAWS,
        seed,
    )


def _by_users(scenario: Scenario, basis: Basis, seed: int) -> tuple[UserCost, ...]:
    """What a user costs, the more of them there are: the cheapest servers of all, each sized by itself."""
    found, work = [], work_of(basis, seed, 64)
    for users in USERS_SHOWN:
        sizing = Sizing(basis.market, work, crowds(basis, float(users), work.draws))
        if not all(sizing.needed.values()):
            break  # more than the largest of machines.toml
        servers = Servers(*(sizing.needed[role][0] for role in ROLES))
        need = need_with(scenario, basis, servers, float(users))
        total = sum(one.usd_per_month for items in need.values() for one in items)
        found.append(UserCost(users, float(total), float(total) / users))
    return tuple(found)


def _weeks(
    scenarios: Sequence[Scenario], bills: Sequence[PhaseBill], middle: Weeks, ways: Weeks
) -> tuple[WeekCost, ...]:
    names = [scenario.name for scenario in scenarios]
    found = []
    for column, week in enumerate(middle.weeks):
        planned = _planned_phase(scenarios, week)
        a_week = bills[planned].total.plan / Decimal(str(WEEKS_A_MONTH))
        shares = {name: float((ways.phase[:, column] == number).mean()) for number, name in enumerate(names)}
        shares["none holds"] = float((ways.phase[:, column] >= len(names)).mean())
        found.append(
            WeekCost(
                week,
                float(middle.users[1, column]),
                float(middle.people_peak[1, column]),
                names[planned],
                _name(names, int(middle.phase[1, column])),
                shares,
                a_week,
                _spread(middle.total[:, column], ways.total[:, column]),
            )
        )
    return tuple(found)


def _planned_phase(scenarios: Sequence[Scenario], week: int) -> int:
    """The last whose weeks have begun; the first before all."""
    begun = [number for number, scenario in enumerate(scenarios) if scenario.weeks[0] <= week]
    return begun[-1] if begun else 0


def _name(names: Sequence[str], number: int) -> str:
    return names[number] if number < len(names) else f"more than {names[-1]}"


def _spread(three_ways: Floats, drawn_ways: Floats) -> Spread:
    low, middle, high = (float(value) for value in three_ways)
    return Spread(low, middle, high, *(float(x) for x in np.percentile(drawn_ways, [LOW, 50, HIGH])))


def _switches(scenarios: Sequence[Scenario], timeline: Timeline, middle: Weeks, ways: Weeks) -> tuple[Switch, ...]:
    found = []
    for number, (scenario, holds) in enumerate(zip(scenarios, timeline.holds, strict=True)):
        firsts = [_first(middle.weeks, row >= number) for row in middle.phase]
        reached = float((ways.phase >= number).any(axis=1).mean())
        found.append(
            Switch(
                scenario.name,
                scenario.weeks[0],
                (firsts[0], firsts[1], firsts[2]),
                holds.middle,
                holds.first,
                reached,
            )
        )
    return tuple(found)


def _first(weeks: Sequence[int], there: NDArray[np.bool_]) -> int | None:
    return next((week for week, yes in zip(weeks, there, strict=True) if yes), None)


def _over(weeks: Sequence[WeekCost], middle: Weeks, ways: Weeks, people: Decimal) -> Over:
    by_category = {"service": 0.0, "network": 0.0}
    for resource, usd in middle.usd.items():
        by_category[category_of(resource)] += float(usd[1].sum())
    return Over(
        len(weeks),
        sum((week.plan_usd for week in weeks), Decimal()),
        _spread(middle.total.sum(axis=1), ways.total.sum(axis=1)),
        by_category["service"],
        by_category["network"],
        people,
    )


def _prices_used(bills: Sequence[PhaseBill], basis: Basis) -> PricesUsed:
    items = {
        one.price.split("x ")[-1]: one
        for bill in bills
        for line in bill.lines
        for one in (*line.list_items, *line.need_items)
    }
    dates = sorted(one.as_of for one in items.values() if one.as_of)
    doubtful = (Confidence.SECONDARY, Confidence.UNVERIFIED)
    free = {key: basis.market.prices.price(key).free_confidence for key in items}
    return PricesUsed(
        basis.market.prices.name,
        dates[0] if dates else "",
        dates[-1] if dates else "",
        tuple(sorted({basis.market.prices.price(key).region for key in items})),
        tuple(
            sorted(
                [f"{key} ({one.confidence})" for key, one in items.items() if one.confidence in doubtful]
                + [f"{key}, what is free ({known})" for key, known in free.items() if known in doubtful]
            )
        ),
        tuple(sorted(key for key, one in items.items() if not one.as_of)),
    )
