"""Scenarios are read whole or refused with every problem at once."""

from pathlib import Path

import pytest

from scenarios.load import PHASES, ScenarioError, load, load_plan, names


def problems(scenario: str, *settings: str) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        load(scenario, settings)
    return str(caught.value).splitlines()


@pytest.mark.parametrize("name", names())
def test_every_shipped_scenario_is_valid(name: str) -> None:
    assert load(name).name == name


def test_the_phases_grow_as_the_plan_says() -> None:
    phases = [load(name) for name in PHASES]
    assert [p.population.users for p in phases] == [1000, 5000, 10_000]
    assert [p.load.concurrent_users for p in phases] == [100, 500, 1000]
    assert [p.weeks for p in phases] == [(1, 4), (5, 8), (9, 12)]
    assert [p.infrastructure.apps for p in phases] == [1, 2, 3]


def test_a_setting_changes_one_key_and_nothing_else() -> None:
    changed, shipped = load("phase-1", ["load.hold_s=30", "title=Rehearsal"]), load("phase-1")
    assert (changed.load.hold_s, changed.title) == (30, "Rehearsal")
    assert changed.population == shipped.population
    assert changed.traffic == shipped.traffic


def test_every_error_is_told_at_once_with_file_key_and_remedy(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    text = Path("scenarios/phase-1.toml").read_text()
    own.write_text(text.replace("users = 1000", 'users = "many"').replace("ramp_s", "ramp_seconds"))
    found = problems(str(own), "targets.targets.uptime.limit=-1")
    assert "own.toml: population.users: Input should be a valid integer; got 'many'." in found
    assert "own.toml: load.ramp_s: is missing." in found
    assert any(line.startswith("own.toml: load.ramp_seconds: unknown key; allowed are: ") for line in found)
    assert any("targets.targets.uptime.limit" in line and "greater than 0" in line for line in found)
    assert len(found) == 4


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (["load.hold_s=5"], "warm_up_s (10) must be less than hold_s (5)"),
        (["load=3"], "load: must be a table"),
        (["load"], "--set takes key=value"),
        (["title.x=1"], "'title' is not a table"),
        (["traffic.like_share.male.source=hearsay"], "source 'hearsay' is not in [sources]; there are: "),
        (["targets.targets.uptime.percentile=95.0"], "a latency_ms target needs samples and a percentile"),
    ],
)
def test_a_wrong_setting_says_what_is_allowed(settings: list[str], sentence: str) -> None:
    assert any(sentence in line for line in problems("phase-1", *settings))


def test_an_unknown_scenario_names_those_there_are() -> None:
    assert problems("phase-9") == [
        "There is no scenario 'phase-9'. There are: breakpoint, calibration, day, phase-1, phase-2, phase-3, smoke, "
        "soak, spike, sprint, steps; or give the path of a .toml file."
    ]


@pytest.mark.parametrize("content", [b"load = [", b"\xff\xfe"])
def test_a_file_that_is_no_toml_is_named(tmp_path: Path, content: bytes) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_bytes(content)
    assert problems(str(broken))[0].startswith("broken.toml is not valid TOML: ")


def test_money_stays_exact() -> None:
    sms = next(line for line in load("phase-1").costs.lines if line.resource == "sms")
    assert str(sms.unit_usd) == "0.02"
    assert str(load_plan().buffer_share) == "0.2"


def test_every_figure_of_the_traffic_model_names_its_source() -> None:
    traffic = load("phase-1").traffic
    assert traffic.like_share.male.source in traffic.sources
    # A source that no figure uses is a leftover.
    text = Path("scenarios/traffic.toml").read_text()
    assert [key for key in traffic.sources if f'source = "{key}"' not in text] == []


def test_targets_that_depend_on_users_shrink_with_the_population() -> None:
    phase_1, phase_3 = load("phase-1"), load("phase-3")
    for key, limits in {"concurrent_users": (100, 1000), "database_queries": (50, 500), "uptime": (99.5, 99.5)}.items():
        target = phase_1.targets.targets[key]
        users = (phase_1.population.users, phase_3.population.users)
        assert tuple(map(target.limit_at, users)) == limits


def test_the_nine_targets_and_the_seven_metrics_of_the_plan_are_there() -> None:
    targets = load("phase-3").targets
    assert len(targets.targets) == 9
    # CPU and memory are one line of the plan's list and two alerts here.
    assert len(targets.alerts) == 8
