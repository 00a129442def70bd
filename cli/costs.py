"""`matchday cost`: what each phase costs."""

from collections.abc import Sequence
from typing import Annotated

import typer

from capacity.costs import CostReport, phase_bill, ten_thousand
from cli.options import AsJson, interruptible
from reports.as_json import dumps
from reports.terminal import console, print_costs
from scenarios.load import PHASES, load, load_plan


@interruptible()
def cost(
    scenarios: Annotated[list[str] | None, typer.Argument(metavar="[SCENARIO]...", help="Default: all phases.")] = None,
    as_json: AsJson = False,
) -> None:
    """What each phase costs, line by line, and the plan for 10,000 users."""
    report = cost_report(scenarios or PHASES)
    if as_json:
        print(dumps(report))
    else:
        print_costs(console(), report, lines=True)


def cost_report(scenarios: Sequence[str]) -> CostReport:
    return CostReport(tuple(phase_bill(load(name)) for name in scenarios), ten_thousand(load_plan()))
