"""What a phase costs, as data: the plan's lines, and for each of them the same resources at public list prices."""

from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from scenarios.base import Quantity, Range, Strict, Text, Usd

# What a line pays for; which of them are the network's.
NETWORK = ("load_balancer", "cdn", "network")
RESOURCES = (
    "load_balancer",
    "app_servers",
    "database",
    "backup",
    "cache",
    "storage",
    "cdn",
    "network",
    "queue",
    "monitoring",
    "sms",
    "push",
    "image_processing",
    "other",
)


def _known(resource: str) -> str:
    if resource not in RESOURCES:
        raise ValueError(f"there is no resource {resource!r}; there are: {', '.join(RESOURCES)}")
    return resource


def _no_empty(unit: str) -> str:
    if not unit.strip():
        raise ValueError("a price needs a unit: server, GB, month")
    return unit


def _dollars(currency: str) -> str:
    if currency != "USD":
        raise ValueError(f"only USD is counted: convert {currency!r}, and say so in a note")
    return currency


def _low_high(stated: tuple[Decimal, Decimal]) -> tuple[Decimal, Decimal]:
    if stated[0] > stated[1]:
        raise ValueError("takes the low end first, then the high one")
    return stated


Unit = Annotated[Text, AfterValidator(_no_empty)]
Currency = Annotated[str, AfterValidator(_dollars)]


class ListItem(Strict):
    """Resources at their list price: so many servers of a type, or a quantity of something that has a price.

    `server` is a name of machines.toml, rented all month; `price` a key of prices/list.csv, whose unit `unit` repeats:
    "each" where it is rented by the hour, all month.
    """

    server: str = ""
    price: str = ""
    quantity: Quantity
    unit: Unit
    basis: Literal["seed", "assumed"]
    note: Text = ""

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if bool(self.server) == bool(self.price):
            raise ValueError("takes a server or a price, one of them")
        if self.server and self.unit != "each":
            raise ValueError(f'unit of a server is "each", all month; got {self.unit!r}')
        if self.server and (self.quantity < 1 or self.quantity != self.quantity.to_integral_value()):
            raise ValueError(f"quantity of a server is a whole number, 1 at least; got {self.quantity}")
        return self


class CostLine(Strict):
    """One resource of a bill: quantity x unit price, with where both come from; and what it is on the price list."""

    resource: Annotated[str, AfterValidator(_known)] = "other"
    item: Text
    quantity: Quantity
    unit: Unit
    unit_usd: Usd
    basis: Literal["seed", "derived", "list", "assumed"]
    note: Text
    list_price: Annotated[tuple[ListItem, ...], Field(strict=False)] = ()


def _some(lines: tuple[CostLine, ...]) -> tuple[CostLine, ...]:
    if not lines:
        raise ValueError("needs a line at least")
    return lines


class PhaseCosts(Strict):
    """What the plan says a phase costs a month: a stated range, and lines that add up inside it.

    `monthly_budget_usd`: `matchday cost --check` fails beyond it.
    """

    currency: Currency = "USD"
    stated_usd_per_month: Annotated[Range, AfterValidator(_low_high)]
    monthly_budget_usd: Usd | None = None
    lines: Annotated[tuple[CostLine, ...], Field(strict=False, max_length=200), AfterValidator(_some)]


class TeamLine(Strict):
    role: str
    people: int = Field(ge=1)
    usd_per_month: Usd


class PlanItem(Strict):
    """A line of one of the plan's two tables for 10,000 users; a range where the plan gives one."""

    item: str
    usd_per_month: Range
    note: str = ""


class TableDifference(Strict):
    """Why one table has an amount that the other has not."""

    item: str
    usd_per_month: Usd
    reason: str


class Plan(Strict):
    """The plan's money for 10,000 users: two tables that disagree, the team, and what was stated."""

    source: str
    currency: Currency = "USD"
    line_items: tuple[PlanItem, ...] = Field(strict=False)
    breakdown: tuple[PlanItem, ...] = Field(strict=False)
    differences: tuple[TableDifference, ...] = Field(strict=False)
    team: tuple[TeamLine, ...] = Field(strict=False)
    contingency_stated_usd_per_month: Range
    buffer_share: Usd
