"""Runs of another scenario, population, traffic, load or machine are another experiment."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from capacity.gate.comparable import KINDS, differences, fingerprint, unlike
from capacity.gate.verdicts import check_comparable
from loadtests.record import Record, Run
from scenarios.load import load
from scenarios.outcome import UsageError
from tests.loadtests.making import HELD, healthy, run_info, write


def with_scenario(*settings: str, name: str = "phase-1") -> Callable[[Run], Run]:
    return lambda run: run.model_copy(update={"scenario": load(name, [*HELD, *settings])})


def with_machine(**changes: object) -> Callable[[Run], Run]:
    return lambda run: run.model_copy(update={"machine": run.machine.model_copy(update=changes)})


CHANGES: dict[str, Callable[[Run], Run]] = {
    "scenario": lambda run: run.model_copy(update={"scenario": run.scenario.model_copy(update={"name": "other"})}),
    "population": with_scenario("population.users=900"),
    "traffic": with_scenario("traffic.card_dwell.male.mean_s=4"),
    "load": lambda run: run.model_copy(update={"users_asked": 50}),
    "machine": with_machine(cpus=96),
}


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Record:
    return write(tmp_path_factory.mktemp("records") / "one", 5, healthy)


def test_a_run_is_like_itself(one: Record) -> None:
    assert list(differences(one, one)) == []


@pytest.mark.parametrize("kind", KINDS)
def test_each_difference_is_named_and_can_be_allowed(one: Record, kind: str) -> None:
    other = replace(one, run=CHANGES[kind](one.run))
    assert [difference.kind for difference in differences(one, other)] == [kind]
    assert unlike([other], one, [kind]) == []


def test_a_changed_figure_is_shown_with_both_values(one: Record) -> None:
    other = replace(one, run=CHANGES["traffic"](one.run))
    assert "card_dwell.male.mean_s 4.0, not 6.7" in unlike([other], one, [])[0]


def test_what_does_not_change_the_experiment_does_not_matter(one: Record) -> None:
    limits = with_scenario("targets.targets.api_response_time.limit=150")(one.run)
    assert list(differences(one, replace(one, run=limits))) == []
    assert fingerprint(limits) == fingerprint(one.run)


def test_a_virtual_machine_may_report_a_little_less_memory() -> None:
    machine = run_info().machine
    assert machine.alike(machine.model_copy(update={"memory_mb": round(machine.memory_mb * 0.97)}))
    assert not machine.alike(machine.model_copy(update={"memory_mb": machine.memory_mb // 2}))


def test_only_known_kinds_can_be_allowed(one: Record) -> None:
    with pytest.raises(UsageError, match="--allow takes scenario, population, traffic, load, machine; got 'weather'"):
        check_comparable([one], one, ["weather"])
