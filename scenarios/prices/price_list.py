"""list.csv: public list prices, each with unit, region, date, confidence and source; tiers are rows of one key."""

import csv
import difflib
import io
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError

from scenarios.base import Quantity, Strict, Usd
from scenarios.files import read_limited
from scenarios.outcome import UsageError
from scenarios.texts import first, shown, some

SHIPPED = Path(__file__).parent / "list.csv"
_REQUIRED = ("key", "starts_at", "usd", "per", "unit", "region", "as_of", "confidence", "source")


class PriceError(UsageError):
    """Prices that cannot be read, or one that nobody knows. The text lists every problem, one a line."""


class Confidence(StrEnum):
    """How well a price is known, the best first: read in the vendor's own list or in a file made from it; computed from
    such; stated by a third party; recalled."""

    VERIFIED = "verified"
    DERIVED = "derived"
    SECONDARY = "secondary"
    UNVERIFIED = "unverified"

    @classmethod
    def worst(cls, several: Iterable["Confidence"]) -> "Confidence":
        order = list(cls)
        return max(several, key=order.index, default=cls.VERIFIED)


def _one_at_least(value: Decimal) -> Decimal:
    if value < 1:
        raise ValueError("must be 1 at least")
    return value


def _a_day(text: str) -> str:
    """2026, 2026-07 or 2026-07-20."""
    if text:
        year, month, day = (*map(int, text.split("-")), 1, 1)[:3]
        date(year, month, day)
    return text


def _or_none(text: Any) -> Any:
    return None if text == "" else text


_Maybe = Annotated[Usd | None, BeforeValidator(_or_none)]
_Text = Annotated[str, Field(min_length=1)]


class PriceRow(Strict):
    """A price, or one tier of it: `usd` for `per` units, from `starts_at` units a month on.

    `usd_low` and `usd_high` where the source gives a range. `as_of` is a date, a month or a year; empty when unknown.
    """

    key: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_]+(\.[a-zA-Z0-9_]+)*$")]
    starts_at: Quantity = Decimal(0)
    usd: Usd
    usd_low: _Maybe = None
    usd_high: _Maybe = None
    per: Annotated[Quantity, AfterValidator(_one_at_least)] = Decimal(1)
    unit: _Text
    region: _Text
    as_of: Annotated[str, Field(pattern=r"^(\d{4}(-\d{2}(-\d{2})?)?)?$"), AfterValidator(_a_day)]
    confidence: Annotated[Confidence, Field(strict=False)]
    source: _Text
    currency: Literal["USD"] = "USD"


@dataclass(frozen=True)
class Tier:
    """`usd` a unit, from `starts_at` units a month on."""

    starts_at: Decimal
    usd: Decimal


@dataclass(frozen=True)
class Price:
    """What so many units cost a month. `usd_low` and `usd_high` a unit, where only a range is known."""

    key: str
    unit: str
    tiers: tuple[Tier, ...]
    region: str
    as_of: str
    confidence: Confidence
    source: str
    usd_low: Decimal | None = None
    usd_high: Decimal | None = None
    free_confidence: Confidence | None = None  # of how much is free; None where nothing is

    def usd(self, quantity: Decimal) -> Decimal:
        """Exact: each unit at the price of its tier."""
        ends = [*(tier.starts_at for tier in self.tiers[1:]), None]
        total = Decimal()
        for tier, end in zip(self.tiers, ends, strict=True):
            if quantity > tier.starts_at:
                inside = (quantity if end is None else min(quantity, end)) - tier.starts_at
                total += inside * tier.usd
        return total

    @property
    def first_usd(self) -> Decimal:
        """A unit in the first tier that costs something."""
        return next((tier.usd for tier in self.tiers if tier.usd), Decimal())

    def times(self, factor: Decimal) -> "Price":
        """Of something that is `factor` of these: sizes of a family are multiples of each other."""
        if factor == 1:
            return self
        return Price(
            f"{factor.normalize():f} x {self.key}",
            self.unit,
            tuple(Tier(tier.starts_at, factor * tier.usd) for tier in self.tiers),
            self.region,
            self.as_of,
            Confidence.worst((self.confidence, Confidence.DERIVED)),
            f"{factor.normalize():f} times {self.key}: {self.source}",
            None if self.usd_low is None else factor * self.usd_low,
            None if self.usd_high is None else factor * self.usd_high,
            self.free_confidence,
        )


@dataclass(frozen=True)
class PriceList:
    """Rows as they stand in a file."""

    name: str
    rows: tuple[PriceRow, ...]

    @cached_property
    def prices(self) -> dict[str, Price]:
        return {price.key: price for price in _prices(self.rows)}

    def price(self, key: str) -> Price:
        """Raises PriceError for a key that nobody knows."""
        if key not in self.prices:
            near = difflib.get_close_matches(key, self.prices, n=3)
            hint = f"; nearest: {', '.join(near)}" if near else ""
            raise PriceError(f"{self.name}: there is no price {key!r}{hint}.")
        return self.prices[key]


def read(path: Path = SHIPPED) -> PriceList:
    """Raises PriceError with every problem of the file at once, each with file, line and key."""
    try:
        text = read_limited(path).decode("utf-8-sig")  # spreadsheets mark their UTF-8
        reader = csv.DictReader(io.StringIO(text, newline=""), restval="")
        columns, data = list(reader.fieldnames or ()), [(reader.line_num, cells) for cells in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise PriceError(f"{path} cannot be read: {reason}.") from error
    if missing := [name for name in _REQUIRED if name not in columns]:
        raise PriceError(f"{path.name}: column {', '.join(missing)} is missing; there are: {some(columns)}.")
    if not data:
        raise PriceError(f"{path.name} has no rows; `matchday prices list` shows what ours has.")
    rows, problems, bad = [], [], set[str]()
    for line, cells in data:
        if cells.pop(None, None):
            problems.append(f"{path.name}: line {line}, {cells.get('key')}: has more cells than columns.")
            continue
        try:
            rows.append(PriceRow.model_validate(cells))
        except ValidationError as error:
            key = cells.get("key") or "(no key)"
            bad.add(key)
            problems += [f"{path.name}: line {line}, {key}: {_sentence(one)}" for one in error.errors()]
    whole = [row for row in rows if row.key not in bad]
    problems += [f"{path.name}: {problem}" for problem in _contradictions(whole)]
    if problems:
        raise PriceError("\n".join(first(problems)))
    return PriceList(path.name, tuple(rows))


def write(path: Path, rows: Iterable[PriceRow]) -> None:
    """In the order of keys, then tiers; the format that `read` reads. Raises PriceError."""
    names = [name for name in PriceRow.model_fields if name != "currency"]
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            out = csv.writer(file, lineterminator="\n")
            out.writerow(names)
            for row in sorted(rows, key=lambda row: (row.key, row.starts_at)):
                values = (getattr(row, name) for name in names)
                out.writerow(
                    "" if value is None else f"{value:f}" if isinstance(value, Decimal) else value for value in values
                )
    except OSError as error:
        raise PriceError(f"{path} cannot be written: {error.strerror}.") from error


def _sentence(error: Any) -> str:
    where = str(error["loc"][0]) if error["loc"] else "row"
    given = shown(error["input"])
    if error["type"] == "is_instance_of":
        return f"{where} {given}: must be a number."
    if where == "unit":
        return "unit is empty; say what one costs so much: gb, hour, request, month."
    if where == "currency":
        return f"currency is {given}; only USD is counted: convert it, and say so in source."
    if error["type"] == "extra_forbidden":
        return f"unknown column {shown(where)}."
    return f"{where} {given}: {error['msg'].removeprefix('Value error, ')}."


def _prices(rows: Iterable[PriceRow]) -> Iterator[Price]:
    by_key: defaultdict[str, list[PriceRow]] = defaultdict(list)
    for row in rows:
        by_key[row.key].append(row)
    for key, several in by_key.items():
        tiers = sorted(several, key=lambda row: row.starts_at)
        # Free tiers are no price that could be old; the others say how well the key is known.
        known = [row for row in tiers if row.usd] or tiers
        first = known[0]
        yield Price(
            key,
            first.unit,
            tuple(Tier(row.starts_at, row.usd / row.per) for row in tiers),
            first.region,
            min(row.as_of for row in known),
            Confidence.worst(row.confidence for row in known),
            first.source,
            None if first.usd_low is None else first.usd_low / first.per,
            None if first.usd_high is None else first.usd_high / first.per,
            tiers[0].confidence if len(tiers) > 1 and not tiers[0].usd else None,
        )


def _contradictions(rows: Iterable[PriceRow]) -> Iterator[str]:
    by_key: defaultdict[str, list[PriceRow]] = defaultdict(list)
    for row in rows:
        by_key[row.key].append(row)
    for key, several in by_key.items():
        if len({row.unit for row in several}) > 1:
            yield f"{key}: its rows have different units: {', '.join(sorted({row.unit for row in several}))}."
        if min(row.starts_at for row in several) != 0:
            yield f"{key}: no row starts at 0."
        if len({row.starts_at for row in several}) < len(several):
            yield f"{key}: two rows start at the same quantity."
        for row in several:
            low, high = row.usd_low, row.usd_high
            if (low is not None and low > row.usd) or (high is not None and high < row.usd):
                yield f"{key}: usd must lie between usd_low and usd_high."
