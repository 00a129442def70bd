"""`matchday prices` in a terminal."""

from decimal import Decimal

from rich.console import Console
from rich.table import Table

from capacity.costs.freshness import Doubt
from capacity.costs.refresh import Refreshed
from scenarios.prices.price_list import PriceList, PriceRow


def print_prices(out: Console, prices: PriceList) -> None:
    table = _table("Key", "USD", "For", "As of", "Known")
    for row in prices.rows:
        start = f", from {row.starts_at:,f} on" if row.starts_at else ""
        table.add_row(row.key, f"{row.usd:f}", _unit(row) + start, row.as_of or "–", row.confidence)
    table.columns[1].justify = "right"
    table.columns[3].no_wrap = table.columns[4].no_wrap = True
    out.print(table)


def print_doubts(out: Console, prices: PriceList, doubts: tuple[Doubt, ...], old_days: int) -> None:
    count = len(prices.rows)
    if not doubts:
        out.print(f"{prices.name}: all {count} rows are dated, verified and younger than {old_days:,} days.")
        return
    table = _table("Key", "USD", "For", "As of", "Why")
    for one in doubts:
        row = one.row
        table.add_row(row.key, f"{row.usd:f}", _unit(row), row.as_of or "–", one.why)
    table.columns[1].justify = "right"
    out.print(table)
    out.print(
        f"{prices.name}: {len(doubts)} of {count} rows should be looked at again; old is above {old_days:,} days."
    )


def print_refreshed(out: Console, found: Refreshed) -> None:
    if found.changes:
        table = _table("Key", "Before", "After", "For")
        for one in found.changes:
            unit = one.unit if one.per == 1 else f"{one.per:,f} {one.unit}"
            table.add_row(one.key, _usd(one.before_usd), _usd(one.after_usd), unit)
        table.columns[1].justify = table.columns[2].justify = "right"
        out.print(table)
    out.print(
        f"{found.asked} keys asked for, {len(found.changes)} prices changed, {len(found.kept)} kept as they were."
    )
    for text in found.kept:
        out.print(f"  {text}")


def _usd(amount: Decimal) -> str:
    return f"${amount.normalize():f}"


def _unit(row: PriceRow) -> str:
    return row.unit if row.per == 1 else f"{row.per:,f} {row.unit}"


def _table(*names: str) -> Table:
    table = Table(*names, box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.columns[0].no_wrap = True
    return table
