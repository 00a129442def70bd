"""The charts of a cost report: readable without colour, each amount with its unit."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from capacity.costs.bill import Kind, PhaseBill
from capacity.costs.report import CostReport, UserCost
from capacity.costs.sensitivity import Bar
from reports.charts import BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, YELLOW, chart

# Colour and hatch together: told apart in black and white.
_STACKS = (
    ("Compute", ("app_servers", "image_processing"), BLUE, ""),
    ("Database and cache", ("database", "backup", "cache"), ORANGE, "//"),
    ("Network and CDN", ("load_balancer", "cdn", "network"), SKY, "\\\\"),
    ("Storage and queue", ("storage", "queue"), GREEN, ".."),
    ("Monitoring", ("monitoring",), YELLOW, "xx"),
    ("SMS and push", ("sms", "push"), PURPLE, "++"),
    ("Other", ("other",), GREY, ""),
)
_TORNADO_SHOWN = 10


def by_category(bills: Sequence[PhaseBill]) -> str:
    """What is needed a month in each phase, stacked by what it is for; beside it the plan's total."""
    with chart() as (axes, svg):
        bottom = np.zeros(len(bills))
        for title, resources, colour, hatch in _STACKS:
            amounts = np.array([_needed(bill, resources) for bill in bills])
            if amounts.any():
                axes.bar(
                    range(len(bills)), amounts, 0.5, bottom, color=colour, hatch=hatch, edgecolor="white", label=title
                )
                bottom += amounts
        for place, bill in enumerate(bills):
            plan = float(bill.total.plan)
            axes.plot(
                [place - 0.32, place + 0.32],
                [plan, plan],
                color="black",
                lw=1.5,
                ls="--",
                label=None if place else "plan",
            )
            axes.annotate(f"${bottom[place]:,.0f}", (place + 0.28, bottom[place]), va="center")
        _phases(axes, bills)
        _dollars(axes, "US dollars a month, needed")
        if axes.get_legend_handles_labels()[0]:
            axes.legend(loc="upper left", fontsize=8)
    return svg()


def plan_list_need(bills: Sequence[PhaseBill]) -> str:
    """The three totals of each phase side by side; the band is what the plan states."""
    kinds: tuple[tuple[Kind, str, str], ...] = (("plan", BLUE, ""), ("list", ORANGE, "//"), ("need", GREEN, ".."))
    with chart() as (axes, svg):
        for number, (kind, colour, hatch) in enumerate(kinds):
            places = np.arange(len(bills)) + (number - 1) * 0.26
            amounts = [float(bill.total.of(kind)) for bill in bills]
            axes.bar(places, amounts, 0.24, color=colour, hatch=hatch, edgecolor="white", label=kind)
            for place, amount in zip(places, amounts, strict=True):
                axes.annotate(f"${amount:,.0f}", (place, amount), ha="center", va="bottom", fontsize=8)
        for place, bill in enumerate(bills):
            low, high = map(float, bill.stated_usd_per_month)
            band = "stated by the plan" if not place else None
            axes.bar(place, high - low, 0.84, low, color="#D6E4F0", alpha=0.5, zorder=0, label=band)
        _phases(axes, bills)
        _dollars(axes, "US dollars a month")
        axes.legend(loc="upper left", ncols=2, fontsize=8)
    return svg()


def over_weeks(report: CostReport) -> str:
    """What a week costs: the plan's steps, the need with its interval, and where the servers change."""
    weeks = report.weeks
    x = [week.week for week in weeks]
    with chart() as (axes, svg):
        need = [week.need_usd for week in weeks]
        axes.fill_between(
            x, [one.p5 for one in need], [one.p95 for one in need], color="#CDE7DC", label="need, 90 % of the ways"
        )
        axes.plot(x, [one.middle for one in need], color=GREEN, marker="o", ms=4, label="need")
        axes.plot(x, [one.high for one in need], color=GREEN, lw=1, ls=":", label="low and high growth")
        axes.plot(x, [one.low for one in need], color=GREEN, lw=1, ls=":")
        axes.step(x, [float(week.plan_usd) for week in weeks], where="mid", color=BLUE, ls="--", label="plan")
        top = 1.05 * max(float(week.plan_usd) for week in weeks)
        top = max(top, max(one.high for one in need))
        axes.set_ylim(0, 1.3 * top)  # room for the marks
        for switch in report.switches[1:]:
            if switch.by_plan in x:
                _mark(axes, switch.by_plan, 1.28 * top, f"plan: {switch.phase}", BLUE, "--")
            for growth, week in zip(("low growth", "model", "high growth"), switch.by_model, strict=True):
                if week is not None:
                    _mark(axes, week, 1.17 * top, f"{growth}: {switch.phase}", GREEN, ":")
        axes.set_xticks(x)
        axes.set_xlabel("week")
        _dollars(axes, "US dollars a week")
        axes.legend(loc="upper left", fontsize=8)
    return svg()


def by_users(found: Sequence[UserCost], bills: Sequence[PhaseBill]) -> str:
    """What a registered user costs a month, the more there are; the plan's phases as points."""
    with chart() as (axes, svg):
        axes.plot(
            [one.users for one in found],
            [one.need_usd_per_user for one in found],
            color=GREEN,
            marker="o",
            ms=4,
            label="need, cheapest servers",
        )
        axes.scatter(
            [bill.users for bill in bills],
            [float(bill.each["plan"].per_user) for bill in bills],
            marker="s",
            color=BLUE,
            label="plan",
            zorder=3,
        )
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.set_ylim(bottom=0)
        axes.set_xlabel("registered users (log scale)")
        axes.set_ylabel("US dollars a user a month")
        axes.legend(loc="upper right", fontsize=8)
    return svg()


def tornado(bars: Sequence[Bar], weeks: int) -> str:
    """What each figure changes by itself, the widest on top."""
    shown = list(reversed(bars[:_TORNADO_SHOWN]))
    with chart(height=0.7 + 0.26 * max(len(shown), 3)) as (axes, svg):
        for place, bar in enumerate(shown):
            for value, colour, hatch, label in ((bar.low_usd, SKY, "//", "low"), (bar.high_usd, ORANGE, "", "high")):
                change = value - bar.middle_usd
                axes.barh(
                    place, change, 0.6, color=colour, hatch=hatch, edgecolor="white", label=None if place else label
                )
        axes.axvline(0, color="black", lw=0.8)
        axes.set_yticks(range(len(shown)), [bar.title for bar in shown], fontsize=8)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:+,.0f}" if value else "0"))
        middle = f"${bars[0].middle_usd:,.0f}" if bars else ""
        axes.set_xlabel(f"US dollars more or less than {middle} in {weeks} weeks")
        axes.grid(axis="x", color="#E3E6EA")
        axes.grid(axis="y", visible=False)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(loc="lower right", fontsize=8)
    return svg()


def _needed(bill: PhaseBill, resources: Sequence[str]) -> float:
    return sum(float(line.need_usd or 0) for line in bill.lines if line.resource in resources)


def _dollars(axes: Axes, label: str) -> None:
    axes.set_ylabel(label)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def _phases(axes: Axes, bills: Sequence[PhaseBill]) -> None:
    axes.set_xticks(range(len(bills)), [f"{bill.name}\nup to {bill.users:,} users" for bill in bills])
    axes.set_xlim(-0.6, len(bills) - 0.4)


def _mark(axes: Axes, week: int, height: float, text: str, colour: str, style: str) -> None:
    axes.axvline(week - 0.5, color=colour, lw=1, ls=style)
    axes.annotate(text, (week - 0.45, height), color=colour, fontsize=7, va="top")
