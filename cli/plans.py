"""`matchday plan`: the cheapest infrastructure that meets every target."""

from typing import Annotated

import typer

from cli.capacity import CalibrationFile
from cli.costs import PricesFile, Seed, Usage, basis_of
from cli.options import AsJson, ScenarioName, Settings, interruptible, quiet_pipe
from reports.as_json import dumps
from reports.terminal import console
from scenarios.load import load


@interruptible()
def plan(
    scenario: ScenarioName,
    users: Annotated[int | None, typer.Option(min=1, max=100_000_000, help="Registered; else the scenario's.")] = None,
    usage: Usage = "plan",
    prices: PricesFile = None,
    calibration: CalibrationFile = None,
    seed: Seed = 1,
    settings: Settings = None,
    as_json: AsJson = False,
) -> None:
    """The cheapest servers and CDN that keep every latency target with one app server lost; what cheaper ones break."""
    from capacity.costs.known import check
    from capacity.plan import planned
    from reports.plan_terminal import print_plan

    quiet_pipe()
    asked = load(scenario, settings or [])
    basis = basis_of(asked, usage, prices, calibration)
    check([asked], basis.market)
    found = planned(asked, basis, users or asked.population.users, seed)
    if as_json:
        print(dumps(found))
    else:
        print_plan(console(), found)
