"""One local stack for the whole test run: real servers, a small population."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from reference_app.stack import LocalStack
from scenarios.load import load
from scenarios.schema import Scenario
from scenarios.stack_info import StackInfo

# Small enough to be made in a few seconds; the women of one city still fill a deck.
PEOPLE = 600
# The first of them are played by load tests, in any order: who likes whom among them is not known. The others
# belong to the tests of the backend, each test its own.
PLAYED = 120
# Without likes from before: a test that has two people meet knows that they had not met.
STRANGERS = [
    "population.turns_waiting_mean=0",
    *(f"population.liked_before_share.{sex}=0.0" for sex in ("male", "female")),
]


@pytest.fixture(scope="session")
def scenario() -> Scenario:
    # One city, so that people are near each other.
    # One process, which tests can stop; those of phases 2 and 3 are for what several do.
    one = ["infrastructure.app_processes=1"]
    return load("phase-1", [f"population.users={PEOPLE}", 'population.cities=["Berlin"]', *STRANGERS, *one])


@pytest.fixture(scope="session")
def stack(scenario: Scenario) -> Iterator[LocalStack]:
    with LocalStack(scenario) as running:
        running.populate(scenario, lambda done, of: None)
        yield running


@pytest.fixture(scope="session")
def stack_info(stack: LocalStack) -> StackInfo:
    return stack.info


@pytest.fixture(scope="session")
def stack_file(stack_info: StackInfo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `matchday up` would have written."""
    file = tmp_path_factory.mktemp("stack") / "stack.json"
    stack_info.write(file)
    return file
