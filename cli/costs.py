"""`matchday cost`: what each phase costs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.capacity import CalibrationFile, calibration_of
from cli.crowds import crowd_of, is_stored
from cli.options import RUNS, AsJson, Runs, Settings, interruptible, quiet_pipe, record_of
from reports.as_json import dumps
from reports.terminal import Steps, console
from scenarios.load import (
    MEASURED,
    PHASES,
    hours_of_day,
    load_all,
    load_growth,
    load_machines,
    load_offers,
    load_plan,
)
from scenarios.outcome import ExitCode, UsageError
from scenarios.prices import price_list
from scenarios.schema import Scenario

if TYPE_CHECKING:
    from capacity.costs.basis import Basis
    from capacity.costs.report import CostReport

PricesFile = Annotated[
    Path | None, typer.Option("--prices", metavar="FILE", help="List prices; else ./prices.csv or ours.")
]
Usage = Annotated[str, typer.Option(help="How people use the app: a table of growth.toml.")]
Seed = Annotated[int, typer.Option(min=0, help="Of the drawn ways.")]
PRICES = Path("prices.csv")
OUT = Path("costs")


class Amounts(StrEnum):
    PLAN = "plan"
    LIST = "list"
    NEED = "need"


@interruptible()
def cost(
    scenarios: Annotated[list[str] | None, typer.Argument(metavar="[SCENARIO]...", help="Default: all phases.")] = None,
    formats: Annotated[
        str, typer.Option("--format", metavar="LIST", help="Write reports: html,md,csv,json or some of them.")
    ] = "",
    out: Annotated[Path, typer.Option(help="Folder of the reports.")] = OUT,
    check: Annotated[
        bool, typer.Option("--check", help="Exit 1 when a phase's monthly_budget_usd is exceeded.")
    ] = False,
    amount: Annotated[Amounts, typer.Option(help="With --check: what the budget is for.")] = Amounts.NEED,
    diff: Annotated[bool, typer.Option("--diff", help="Compare two scenarios line by line.")] = False,
    run: Annotated[
        str | None,
        typer.Option("--run", metavar="RUN", help="Quantities that this run measured, instead of predicted."),
    ] = None,
    usage: Usage = "plan",
    prices: PricesFile = None,
    calibration: CalibrationFile = None,
    seed: Seed = 1,
    settings: Settings = None,
    as_json: AsJson = False,
    runs: Runs = RUNS,
) -> None:
    """What each phase costs by plan, list price and need; over the weeks, for each user; with what is uncertain."""
    quiet_pipe()
    names = scenarios or list(PHASES)
    asked = _formats(formats)
    if asked and as_json:
        raise UsageError("--json prints, and --format json writes a file: take one of the two.")
    if diff:
        if check or formats or run:
            raise UsageError("--diff compares two scenarios, and nothing else: leave out --check, --format and --run.")
        _diff(names, usage, prices, calibration, seed, settings, as_json)
        return
    report = cost_report(names, usage, prices, calibration, run, seed, settings, runs)
    if check and not any(bill.budget_usd_per_month is not None for bill in report.phases):
        raise UsageError(
            "--check needs a budget: write monthly_budget_usd below [costs] of a scenario, or "
            "--set costs.monthly_budget_usd=500."
        )
    if asked:
        from reports.costs_files import write

        for path in write(report, asked, out):
            console(stderr=as_json).print(f"{path}", soft_wrap=True)
    elif as_json:
        print(dumps(report))
    elif not check:
        from reports.costs_terminal import print_costs

        print_costs(console(), report)
    if check:
        raise typer.Exit(_check(report, amount, as_json))


def cost_report(
    names: Sequence[str],
    usage: str = "plan",
    prices: Path | None = None,
    calibration: Path | None = None,
    run: str | None = None,
    seed: int = 1,
    settings: Sequence[str] | None = None,
    runs: Path = RUNS,
) -> "CostReport":
    from capacity.costs.report import cost_report as reported

    return reported(_cases(names, usage, prices, calibration, run, settings, runs), load_plan(), seed)


def shipped_costs() -> "CostReport":
    """Of the phases as they ship, whatever lies in the working directory: a run's report must not fail for it."""
    return cost_report(PHASES, prices=price_list.SHIPPED, calibration=Path(str(MEASURED)))


def basis_of(scenario: Scenario, usage: str, prices: Path | None, calibration: Path | None) -> "Basis":
    """All that a scenario's bill is computed from."""
    from capacity.costs.basis import Basis
    from capacity.planning.options import Market

    growth = load_growth()
    if usage not in growth.usage:
        raise UsageError(f"--usage {usage}: there are {', '.join(growth.usage)} in scenarios/growth.toml.")
    market = Market(load_machines(), prices_of(prices), load_offers())
    return Basis(market, calibration_of(calibration), growth, growth.usage[usage], hours_of_day(), _rates(scenario))


def _rates(scenario: Scenario) -> Mapping[str, float]:
    """What one of its people does a second."""
    if is_stored(scenario):
        return crowd_of(scenario).daters
    with Steps(console(stderr=True), f"How the people of {scenario.name} behave"):
        return crowd_of(scenario).daters


def _cases(
    names: Sequence[str],
    usage: str,
    prices: Path | None,
    calibration: Path | None,
    run: str | None,
    settings: Sequence[str] | None,
    runs: Path,
) -> list[tuple[Scenario, "Basis"]]:
    from capacity.costs.known import check
    from capacity.costs.measured import person_of_run

    scenarios = load_all(names, settings or [])
    basis = basis_of(scenarios[0], usage, prices, calibration)
    check(scenarios, basis.market)
    # What the scenarios have in common is read once.
    own = [basis, *(replace(basis, rates=_rates(scenario)) for scenario in scenarios[1:])]
    if run is not None:
        record = record_of(run, runs)
        own = [replace(one, measured=person_of_run(record, one.person)) for one in own]
    return list(zip(scenarios, own, strict=True))


def prices_of(named: Path | None) -> price_list.PriceList:
    """The file that was named, or the one that is here; else ours."""
    return price_list.read(named or (PRICES if PRICES.exists() else price_list.SHIPPED))


def _diff(
    names: Sequence[str],
    usage: str,
    prices: Path | None,
    calibration: Path | None,
    seed: int,
    settings: Sequence[str] | None,
    as_json: bool,
) -> None:
    from capacity.costs.bill import phase_bill
    from capacity.costs.budget import difference
    from capacity.costs.known import check
    from reports.costs_terminal import print_difference

    if len(names) != 2:
        raise UsageError(
            f"--diff compares two scenarios: `matchday cost --diff phase-2 my/own.toml`; got {len(names)}."
        )
    before, after = (load_all([name], settings or [])[0] for name in names)
    bases = [basis_of(scenario, usage, prices, calibration) for scenario in (before, after)]
    for scenario in (before, after):
        check([scenario], bases[0].market)
    found = difference(phase_bill(before, bases[0], seed), phase_bill(after, bases[1], seed))
    if as_json:
        print(dumps(found))
    else:
        print_difference(console(), found)


def _formats(text: str) -> list[str]:
    if not text:
        return []
    from reports.costs_files import FORMATS

    asked = [name.strip() for name in text.split(",")]
    if unknown := [name for name in asked if name not in FORMATS]:
        raise UsageError(f"--format takes {', '.join(FORMATS)}, separated by commas; got {unknown[0]!r}.")
    return asked


def _check(report: "CostReport", amount: Amounts, as_json: bool) -> ExitCode:
    from capacity.costs.budget import budgets
    from reports.costs_terminal import print_budgets

    found = budgets(report.phases, amount.value)
    print_budgets(console(stderr=as_json), found)
    return ExitCode.PASS if all(one.kept for one in found) else ExitCode.FAIL
