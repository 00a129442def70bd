"""How figures are written, the same in every report."""

from decimal import Decimal


def number(value: float | None, unit: str = "") -> str:
    """Three significant digits where it is small, whole where it is large; a dash for unknown."""
    if value is None:
        return "–"
    text = f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"
    return f"{text} {unit}".strip()


def limit(value: float | None, better: str, unit: str = "", inclusive: bool = False) -> str:
    """`inclusive`: what is exactly at an upper limit keeps it."""
    if value is None:
        return number(None)
    return f"{'≥' if better == 'higher' else '≤' if inclusive else '<'} {number(value, unit)}"


def short(title: str) -> str:
    """A target's title where there is room for one word: its first."""
    return title.split()[0]


def duration(seconds: float) -> str:
    """Minutes and seconds."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def usd(amount: Decimal) -> str:
    """Whole dollars, cents only where there are some."""
    return f"${amount:,.0f}" if amount == amount.to_integral_value() else f"${amount:,.2f}"


def usd_range(amounts: tuple[Decimal, Decimal]) -> str:
    low, high = amounts
    return usd(low) if low == high else f"{usd(low)}–{usd(high).removeprefix('$')}"


def share_range(shares: tuple[Decimal, Decimal]) -> str:
    return f"{shares[0]:.0%} to {shares[1]:.0%}"


def cents(amount: Decimal | None) -> str:
    """To the cent, for columns; a dash for unknown."""
    return number(None) if amount is None else f"${amount:,.2f}"


def whole_usd(amount: Decimal | float) -> str:
    """Whole dollars; of estimates cents would say too much."""
    return f"${amount:,.0f}"
