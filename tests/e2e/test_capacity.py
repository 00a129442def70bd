"""From a run to what it says of capacity, as a user does it."""

import json
import re
from pathlib import Path

import pytest

from loadtests.record import Record, exactly
from tests.e2e.conftest import BUSY, POPULATION, Shell, plain

# Two of the calibration's mixes, seven seconds each.
TWO_MIXES = [
    *POPULATION,
    *BUSY,
    *("--set", "load.stages=[{share=1,part=1,mix='bios'},{share=1,part=1,mix='moves'}]"),
    *("--set", "load.ramp_s=1.0", "--set", "load.warm_up_s=1.0", "--users", "16", "--duration", "14s"),
    *("--set", "traffic.couples.value=0"),
]


def test_people_change_their_ways_between_stages_and_two_mixes_are_no_calibration(
    stack_file: Path, shell: Shell
) -> None:
    run = shell.matchday("run", "calibration", "--stack", stack_file, *TWO_MIXES)
    assert "Traceback" not in run.err
    record = Record.read(shell.record())
    began = int(record.run.started_at.timestamp()) + 1
    bios, moves = (
        [int(record.windows(exactly(name), began + start, began + start + 5).successes.sum()) for start in (2, 9)]
        for name in ("PATCH /me", "PUT /me/location")
    )
    # People finish the card that they are at, so a few come late.
    assert bios[0] > 3 * bios[1]
    assert moves[1] > 3 * moves[0]

    done = shell.matchday("calibrate", "latest")
    assert done.code == 2
    # Two, or fewer when something else wanted the machine just then: such windows are left out.
    assert re.search(r"These runs have \d mix(es)? of actions( \(.*\))?, 6 are needed at least", plain(done.err))
    assert "`matchday run calibration` measures 14 mixes" in plain(done.err)
    assert not (shell.folder / "calibration.json").exists()


def test_who_starts_no_server_has_the_reference_backends_calibration(shell: Shell) -> None:
    done = shell.matchday("predict", "phase-1", "--users", "300", "--on", "plan", "--json")
    assert "Predicted from the reference backend's calibration" in plain(done.err)
    found = json.loads(done.out)
    assert found["people"] == 300
    assert {station["name"] for station in found["stations"]} >= {"app", "mongod", "valkey"}
    assert found["requests_per_s"]["low"] < found["requests_per_s"]["value"] < found["requests_per_s"]["high"]
    assert done.code in (0, 1, 3)


@pytest.mark.slow
def test_twelve_weeks_of_growth(shell: Shell) -> None:
    done = shell.matchday("predict", "--weeks", "12", "--json")
    found = json.loads(done.out)
    assert [week["registered"]["middle"] for week in found["weeks"]][3::4] == [1000, 5000, 10_000]
    assert [phase["name"] for phase in found["phases"]] == ["phase-1", "phase-2", "phase-3"]
    refused = shell.matchday("predict", "--weeks", "12", "--usage", "heavy")
    assert refused.code == 2
    assert "--usage heavy: there are plan, tinder, light" in plain(refused.err)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["phase-2", "--weeks", "12"], "--weeks is about the plans of all phases: leave out the scenario, --users"),
        (["--weeks", "12", "--on", "here"], "--weeks is about the plans of all phases"),
        (["phase-2", "--usage", "tinder"], "--usage is how people use the app over the weeks: it goes with --weeks"),
        (
            ["phase-1", "--on", "plan", "--set", "infrastructure.app_instance=t9.large"],
            "infrastructure.app_instance: nothing is known of 't9.large'; there are t3.small, t3.medium,",
        ),
    ],
)
def test_what_goes_with_nothing_is_refused(shell: Shell, options: list[str], sentence: str) -> None:
    done = shell.matchday("predict", *options)
    assert done.code == 2
    assert sentence in plain(done.err)
