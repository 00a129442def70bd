"""`matchday traffic`: how the people of a scenario behave."""

from typing import Annotated

import typer

from cli.options import AsJson, ScenarioName, Settings, interruptible
from reports.as_json import dumps
from reports.terminal import console
from scenarios.load import load, load_published
from scenarios.outcome import UsageError


@interruptible()
def traffic(
    scenario: ScenarioName = "phase-1",
    settings: Settings = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed, the same answer.")] = 1,
    as_json: AsJson = False,
) -> None:
    """How a scenario's people behave, beside what is published: each figure with its source and deviation."""
    from loadtests.users.emergent import behaviour
    from reports.traffic_terminal import print_behaviour

    asked = load(scenario, settings or [])
    if asked.load.concurrent_users > asked.population.users:
        raise UsageError(
            f"{asked.load.concurrent_users:,} people cannot be online at once among {asked.population.users:,}: "
            "lower load.concurrent_users, or raise population.users."
        )
    found = behaviour(asked, load_published(), seed)
    if as_json:
        print(dumps(found))
    else:
        print_behaviour(console(), found)
